#include <doctest/doctest.h>

#include <cstring>
#include <loopbridge/errors.hpp>
#include <loopbridge/status.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "support/error_log.hpp"

TEST_SUITE_BEGIN("errors");

namespace {

using doctest::Contains;
using loopbridge::place;
using loopbridge::status;
using loopbridge::detail::failure;
using loopbridge::detail::make_error;

template <class E>
constexpr bool is_ours =
    std::is_base_of_v<loopbridge::error, E>&& std::is_base_of_v<std::runtime_error, E>;

template <class E>
doctest::String message_of(failure f, place where) {
  try {
    std::rethrow_exception(make_error(f, where));
  } catch (const E& e) {
    return e.what();
  } catch (...) {
  }
  return "thrown as something else";
}

}  // namespace

TEST_CASE("all errors of the library have one base, and are distinct") {
  using namespace loopbridge;
  static_assert(is_ours<bridge_stopped> && is_ours<bridge_full> && is_ours<lane_full> &&
                is_ours<cancelled> && is_ours<timed_out> && is_ours<broken> &&
                is_ours<would_deadlock> && is_ours<wrong_process> && is_ours<no_state>);
  const auto e = make_error(failure::stopped, {});
  CHECK(support::holds<error>(e));
  CHECK(support::holds<bridge_stopped>(e));
  CHECK_FALSE(support::holds<cancelled>(e));
  CHECK_FALSE(support::holds<broken>(e));
}

TEST_CASE("each failure says what happened, where it was submitted, and what to do") {
  const place where{"user.cpp", 77};
  const doctest::String stopped = message_of<loopbridge::bridge_stopped>(failure::stopped, where);
  CHECK(stopped == Contains("stopped before this call was answered"));
  CHECK(stopped == Contains("user.cpp:77"));
  CHECK(stopped == Contains("keep the bridge until its calls are done"));
  const doctest::String cancelled = message_of<loopbridge::cancelled>(failure::cancelled, where);
  CHECK(cancelled == Contains("was cancelled"));
  CHECK(cancelled == Contains("user.cpp:77"));
  CHECK(cancelled == Contains("there is no result to get"));
  const doctest::String broken = message_of<loopbridge::broken>(failure::broken, where);
  CHECK(broken == Contains("dropped unresolved"));
  CHECK(broken == Contains("user.cpp:77"));
  CHECK(broken == Contains("resolve or reject its completer on every path"));
  const doctest::String dropped = message_of<loopbridge::bridge_full>(failure::dropped, where);
  CHECK(dropped == Contains("took the place of this one"));
  CHECK(dropped == Contains("user.cpp:77"));
  CHECK(dropped == Contains("raise options::capacity"));
}

TEST_CASE("a place that is not known is left out") {
  const doctest::String message = message_of<loopbridge::cancelled>(failure::cancelled, {});
  CHECK(message != Contains("submitted at"));
  CHECK(message != Contains("(null)"));
}

TEST_CASE("what is thrown at once names the fix too") {
  using namespace loopbridge::detail;
  CHECK_THROWS_WITH_AS(throw_stopped(), Contains("make a new bridge"), loopbridge::bridge_stopped);
  CHECK_THROWS_WITH_AS(throw_full(), Contains("raise the capacity"), loopbridge::bridge_full);
  CHECK_THROWS_WITH_AS(throw_lane_full({"user.cpp", 5}), Contains("made at user.cpp:5"),
                       loopbridge::lane_full);
  CHECK_THROWS_WITH_AS(throw_lane_full({}), Contains("full_lane::spill"), loopbridge::lane_full);
  CHECK_THROWS_WITH_AS(throw_wrong_process(), Contains("make a new bridge after fork()"),
                       loopbridge::wrong_process);
  CHECK_THROWS_WITH_AS(throw_timed_out({"user.cpp", 5}), Contains("user.cpp:5"),
                       loopbridge::timed_out);
  CHECK_THROWS_WITH_AS(throw_timed_out({}), Contains("is the loop blocked by a callback"),
                       loopbridge::timed_out);
  CHECK_THROWS_WITH_AS(throw_no_state("this thing is empty: fill it"),
                       "loopbridge: this thing is empty: fill it", loopbridge::no_state);
}

TEST_CASE("every status has its name") {
  CHECK(std::strcmp(to_string(status::accepted), "accepted") == 0);
  CHECK(std::strcmp(to_string(status::answered), "answered") == 0);
  CHECK(std::strcmp(to_string(status::stopped), "stopped") == 0);
  CHECK(std::strcmp(to_string(status::full), "full") == 0);
  CHECK(std::strcmp(to_string(status::exhausted), "exhausted") == 0);
  CHECK(std::strcmp(to_string(status::wrong_process), "wrong_process") == 0);
  CHECK(std::strcmp(to_string(status::timed_out), "timed_out") == 0);
  CHECK(std::strcmp(to_string(status::would_deadlock), "would_deadlock") == 0);
  CHECK(std::strcmp(to_string(status::unsupported), "unsupported") == 0);
  CHECK(std::strcmp(to_string(static_cast<status>(99)), "unknown") == 0);
}

TEST_CASE("a place is that of the caller") {
  const auto asks = [](place where = place::current()) { return where; };
  const place here = asks();
  CHECK(here.line == __LINE__ - 1);
  CHECK(std::string(here.file) == __FILE__);
  CHECK(place{}.file == nullptr);
}
