#include <cerrno>
#include <chrono>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "loopbridge/log_sink.hpp"
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

/// A log file: opened for appending, rotated by its size.
class log_file {
 public:
  log_file(const std::string& path, log_rotation rotation)
      : path_(std::filesystem::absolute(path).string()), rotation_(rotation) {
    begin();
  }
  ~log_file() { platform::close(fd_); }
  log_file(const log_file&) = delete;
  log_file& operator=(const log_file&) = delete;

  void write(const log_line& line) {
    const std::string text = to_string(line) + '\n';
    std::exception_ptr not_rotated;
    if (rotation_.max_bytes != 0 && size_ != 0 && size_ + text.size() > rotation_.max_bytes) {
      try {
        rotate();
      } catch (...) {
        not_rotated = std::current_exception();
        size_ = 0;  // tried again when as much as fits into a file has been written
      }
    }
    write_all(fd_, text, path_);
    size_ += text.size();
    if (not_rotated) std::rethrow_exception(not_rotated);
  }

 private:
  std::string aside(unsigned n) const { return path_ + "." + std::to_string(n); }

  void begin() {
    const int fd = platform::open_to_append(path_.c_str());
    if (fd < 0) throw_error(errno, "cannot open the log", path_);
    if (fd_ >= 0) platform::close(fd_);
    fd_ = fd;
    std::error_code not_a_file;  // a device: it has no size, and grows from 0 as far as we know
    const auto size = std::filesystem::file_size(path_, not_a_file);
    size_ = not_a_file ? 0 : size;
  }

  void rotate() {
    std::filesystem::remove(rotation_.kept != 0 ? aside(rotation_.kept) : path_);
    for (unsigned n = rotation_.kept; n > 0; --n) {
      const std::string newer = n > 1 ? aside(n - 1) : path_;
      if (std::filesystem::exists(newer)) std::filesystem::rename(newer, aside(n));
    }
    begin();
  }

  const std::string path_;
  const log_rotation rotation_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

/// `value` in decimal, with leading zeros.
void append_digits(std::string& to, long value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) to.append(width - digits.size(), '0');
  to += digits;
}

}  // namespace

std::string to_string(const log_line& line) {
  using namespace std::chrono;
  const auto time = floor<microseconds>(line.time);
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::string s;
  s.reserve(line.text.size() + 64);
  append_digits(s, int{date.year()}, 4);
  append_digits(s += '-', static_cast<long>(unsigned{date.month()}), 2);
  append_digits(s += '-', static_cast<long>(unsigned{date.day()}), 2);
  append_digits(s += 'T', clock.hours().count(), 2);
  append_digits(s += ':', clock.minutes().count(), 2);
  append_digits(s += ':', clock.seconds().count(), 2);
  append_digits(s += '.', clock.subseconds().count(), 6);
  s += "Z ";
  s += std::to_string(line.thread);
  s += ' ';
  s += to_string(line.level);
  s += ": ";
  s += line.text;
  return s;
}

log_writer log_to_stderr() {
  return {[](const log_line& line) {
    write_all(platform::standard_error, to_string(line) + '\n', "on stderr");
  }};
}

log_writer log_to_file(const std::string& path, log_rotation rotation) {
  const auto file = std::make_shared<log_file>(path, rotation);
  return {[file](const log_line& line) { file->write(line); }};
}

}  // namespace loopbridge
