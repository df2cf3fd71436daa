#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>

#include "loopbridge/log/log_sink.hpp"
#include "platform/platform.hpp"

namespace loopbridge {
namespace {

namespace platform = detail::platform;

[[noreturn]] void throw_error(int error, const std::string& what, const std::string& path) {
  throw std::system_error(error, std::generic_category(), "loopbridge: " + what + " " + path);
}

void write_all(int fd, std::string_view text, const std::string& path) {
  const int error = platform::write_all(fd, text);
  if (error != 0) throw_error(error, "cannot write to the log", path);
}

/// A file that is open for appending.
class log_file {
 public:
  explicit log_file(const std::string& path)
      : path_(path), fd_(platform::open_to_append(path.c_str())) {
    if (fd_ < 0) throw_error(errno, "cannot open the log", path_);
  }
  ~log_file() { platform::close(fd_); }
  log_file(const log_file&) = delete;
  log_file& operator=(const log_file&) = delete;

  void write(const log_line& line) const { write_all(fd_, to_string(line) + '\n', path_); }

 private:
  const std::string path_;
  const int fd_;
};

}  // namespace

std::string to_string(const log_line& line) {
  using namespace std::chrono;
  const auto time = floor<microseconds>(line.time);
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char head[96];
  const int size = std::snprintf(
      head, sizeof(head), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ %llu %s: ", int{date.year()},
      unsigned{date.month()}, unsigned{date.day()}, static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()), static_cast<unsigned long long>(line.thread),
      to_string(line.level));
  return std::string(head, static_cast<std::size_t>(size)).append(line.text);
}

log_writer log_to_stderr() {
  return {[](const log_line& line) {
    write_all(platform::standard_error, to_string(line) + '\n', "on stderr");
  }};
}

log_writer log_to_file(const std::string& path) {
  const auto file = std::make_shared<const log_file>(path);
  return {[file](const log_line& line) { file->write(line); }};
}

}  // namespace loopbridge
