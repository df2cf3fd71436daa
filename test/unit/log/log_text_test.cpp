// What a message looks like, whatever its arguments.
#include <doctest/doctest.h>
#include <errno.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <string_view>

#include "support/log_lines.hpp"

TEST_SUITE_BEGIN("log_text");

using namespace std::chrono_literals;
using loopbridge::is_loggable;
using loopbridge::log_errno;
using loopbridge::log_level;
using loopbridge::log_sink;
using loopbridge::status;

namespace {

/// What is written for a message.
template <class... Args>
std::string text_of(loopbridge::log_format<sizeof...(Args)> format, const Args&... args) {
  const support::log_lines lines;
  log_sink log(lines.options());
  CHECK(log.log(log_level::info, format, args...) == status::accepted);
  log.stop();
  return lines.texts().at(0);
}

enum class colour { red };
struct unknown {};

}  // namespace

TEST_CASE("arguments of every kind are written as C++ programmers expect") {
  CHECK(text_of("plain") == "plain");
  CHECK(text_of("") == "");
  CHECK(text_of("{}", 1) == "1");
  CHECK(text_of("{}{}", -7, 8U) == "-78");
  CHECK(text_of("{{{}}} {{}}", 'x') == "{x} {}");
  CHECK(text_of("{} {}", true, false) == "true false");
  CHECK(text_of("{} {}", std::numeric_limits<std::int64_t>::min(),
                std::numeric_limits<std::uint64_t>::max()) ==
        "-9223372036854775808 18446744073709551615");
  CHECK(text_of("{} {} {}", std::int8_t{-5}, static_cast<unsigned char>(200), short{3}) ==
        "-5 200 3");
  CHECK(text_of("{} {} {} {}", 0.1F, 0.1, 1e300, 0.5L) == "0.1 0.1 1e+300 0.5");
  CHECK(text_of("{} {}", std::numeric_limits<double>::infinity(),
                -std::numeric_limits<double>::infinity()) == "inf -inf");
  CHECK(text_of("{} {}", nullptr, reinterpret_cast<const void*>(0xBEEF)) == "0x0 0xbeef");
}

TEST_CASE("texts of every kind are copied, and only as far as they go") {
  const std::string owned = "owned";
  const std::string_view part = std::string_view("a part of it").substr(2, 4);
  const char* const c = "c";
  const char* const none = nullptr;
  const std::array<char, 3> unended{'a', 'b', 'c'};
  CHECK(text_of("{} {} {} {} {}", "literal", owned, part, c, none) ==
        "literal owned part c (null)");
  char array[3] = {'a', 'b', 'c'};  // no NUL, which nobody needs
  CHECK(text_of("{}", array) == "abc");
  CHECK(text_of("{}", std::string_view(unended.data(), unended.size())) == "abc");
}

TEST_CASE("an error number is written with what it means") {
#ifdef __GLIBC__
  CHECK(text_of("open: {}", log_errno{ENOENT}) == "open: No such file or directory (errno 2)");
#else
  CHECK(text_of("open: {}", log_errno{ENOENT}) == "open: (errno 2)");
#endif
  CHECK(text_of("{}", log_errno{123456}) == "(errno 123456)");
}

TEST_CASE("what is too long is cut, and says so") {
  const std::string longest(440, 'x');
  CHECK(text_of("{}", longest) == longest);
  const std::string cut = std::string(437, 'x') + "...";
  CHECK(text_of("{}", longest + "y") == cut);
  CHECK(text_of("{}{}", longest, 1) == cut);
  CHECK(text_of("{}", (longest + "y").c_str()) == cut);
  CHECK(text_of("{}y", longest) == cut);
}

TEST_CASE("what a handler could not format is no argument: it does not compile") {
  static_assert(is_loggable<int> && is_loggable<bool> && is_loggable<double> && is_loggable<char>);
  static_assert(is_loggable<const char*> && is_loggable<char[5]> && is_loggable<std::string>);
  static_assert(is_loggable<std::string_view> && is_loggable<int*> && is_loggable<log_errno>);
  static_assert(!is_loggable<unknown> && !is_loggable<colour> && !is_loggable<wchar_t>);
  static_assert(!is_loggable<void (*)()> && !is_loggable<std::wstring> && !is_loggable<int[3]>);
}

TEST_CASE("a line begins with time, thread and level") {
  const auto time = std::chrono::system_clock::time_point(1'795'468'751s + 83512us);
  CHECK(to_string(loopbridge::log_line{log_level::warning, time, 4711, "lost"}) ==
        "2026-11-23T21:19:11.083512Z 4711 warning: lost");
  CHECK(to_string(loopbridge::log_line{log_level::critical, {}, 1, ""}) ==
        "1970-01-01T00:00:00.000000Z 1 critical: ");
}
