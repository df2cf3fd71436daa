// The log as a file, and on stderr.
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <sstream>
#include <string>
#include <system_error>

#include "support/error_log.hpp"
#include "support/in_child.hpp"

TEST_SUITE_BEGIN("log_file");

using loopbridge::log_level;
using loopbridge::log_options;
using loopbridge::log_sink;
using loopbridge::log_to_file;
using loopbridge::status;
namespace fs = std::filesystem;

namespace {

class scratch {
 public:
  scratch() {
    std::string name = (fs::temp_directory_path() / "loopbridge_log_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    at_ = name;
  }
  ~scratch() { fs::remove_all(at_); }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  std::string operator/(const char* name) const { return (at_ / name).string(); }

 private:
  fs::path at_;
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The messages, one letter each, of a file.
std::string letters(const std::string& path) {
  std::istringstream in(content(path));
  std::string all;
  for (std::string line; std::getline(in, line);) all += line.back();
  return all;
}

log_options to(const std::string& path) {
  log_options opts;
  opts.writer = log_to_file(path);
  return opts;
}

}  // namespace

TEST_CASE("lines are added at the end of the file") {
  const scratch dir;
  for (const char* text : {"a", "b"}) {
    log_sink log(to(dir / "log"));
    CHECK(log.log(log_level::info, "this is {}", text) == status::accepted);
  }
  CHECK(letters(dir / "log") == "ab");
  CHECK(content(dir / "log").find(" info: this is b\n") != std::string::npos);
}

TEST_CASE("a file that cannot be opened is an error at once, which names it") {
  CHECK_THROWS_WITH_AS(log_to_file("/nonexistent/log"),
                       doctest::Contains("cannot open the log /nonexistent/log"),
                       std::system_error);
}

TEST_CASE("a disk that is full is reported" * doctest::skip(!fs::exists("/dev/full"))) {
  const support::error_log errors;
  log_options full = to("/dev/full");
  full.on_unhandled_error = errors.hook();
  {
    log_sink log(full);
    CHECK(log.log(log_level::info, "a") == status::accepted);
  }
  CHECK(errors.size() == 1);
}

TEST_CASE("without a writer the log goes to stderr" * doctest::skip(support::has_tsan)) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  CHECK(support::in_child([&] {
          dup2(ends[1], STDERR_FILENO);
          log_sink log;
          (void)log.log(log_level::warning, "to {}", "stderr");
          log.stop();
          return 0;
        }) == 0);
  close(ends[1]);
  std::array<char, 256> got{};
  const auto size = read(ends[0], got.data(), got.size());
  close(ends[0]);
  REQUIRE(size > 0);
  const std::string said(got.data(), static_cast<std::size_t>(size));
  CHECK_MESSAGE(said.find(" warning: to stderr\n") != std::string::npos, said);
}
