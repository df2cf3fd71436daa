#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <loopbridge/errors.hpp>
#include <loopbridge/status.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "support/error_log.hpp"
#include "support/here.hpp"
#include "support/numbered_locations.hpp"

TEST_SUITE_BEGIN("errors");

namespace {

using doctest::Contains;
using loopbridge::status;
using loopbridge::detail::make_error;
using support::here;

template <class E>
constexpr bool is_ours =
    std::is_base_of_v<loopbridge::error, E> && std::is_base_of_v<std::runtime_error, E>;

template <class E>
doctest::String message_of(status s, std::source_location where) {
  try {
    std::rethrow_exception(make_error(s, where));
  } catch (const E& e) {
    return e.what();
  } catch (...) {
  }
  return "thrown as something else";
}

}  // namespace

TEST_CASE("all errors of the library have one base, and are distinct") {
  using namespace loopbridge;
  static_assert(is_ours<bridge_stopped> && is_ours<bridge_full> && is_ours<cancelled> &&
                is_ours<timed_out> && is_ours<broken> && is_ours<would_deadlock> &&
                is_ours<wrong_process> && is_ours<no_state> && is_ours<exhausted> &&
                is_ours<unsupported>);
  const auto e = make_error(status::bridge_stopped, {});
  CHECK(support::holds<error>(e));
  CHECK(support::holds<bridge_stopped>(e));
  CHECK_FALSE(support::holds<cancelled>(e));
  CHECK_FALSE(support::holds<broken>(e));
}

TEST_CASE("each failure says what happened, where it was submitted, and what to do") {
  const doctest::String stopped =
      message_of<loopbridge::bridge_stopped>(status::bridge_stopped, here);
  CHECK(stopped == Contains("stopped before this call was answered"));
  CHECK(stopped == Contains("here.cpp:7"));
  CHECK(stopped == Contains("keep the bridge until its calls are done"));
  const doctest::String cancelled = message_of<loopbridge::cancelled>(status::cancelled, here);
  CHECK(cancelled == Contains("was cancelled"));
  CHECK(cancelled == Contains("here.cpp:7"));
  CHECK(cancelled == Contains("there is no result to get"));
  const doctest::String broken = message_of<loopbridge::broken>(status::broken, here);
  CHECK(broken == Contains("dropped unresolved"));
  CHECK(broken == Contains("here.cpp:7"));
  CHECK(broken == Contains("resolve or reject its completer on every path"));
  CHECK(broken == Contains("rejected with a null std::exception_ptr"));
  const doctest::String circular =
      message_of<loopbridge::would_deadlock>(status::would_deadlock, here);
  CHECK(circular == Contains("would never be answered"));
  CHECK(circular == Contains("here.cpp:7"));
  CHECK(circular == Contains("on a loop thread do not wait"));
  CHECK(circular == Contains("lock several mutexes in the same order"));
}

TEST_CASE("a place that is not known is left out") {
  const doctest::String message = message_of<loopbridge::cancelled>(status::cancelled, {});
  CHECK(message != Contains("submitted at"));
  CHECK(message != Contains("(null)"));
}

TEST_CASE("what is thrown at once names the fix too") {
  using namespace loopbridge::detail;
  CHECK_THROWS_WITH_AS(throw_error(status::bridge_stopped, here), Contains("here.cpp:7"),
                       loopbridge::bridge_stopped);
  CHECK_THROWS_WITH_AS(throw_error(status::bridge_stopped, {}), Contains("a new bridge"),
                       loopbridge::bridge_stopped);
  CHECK_THROWS_WITH_AS(throw_full(here), Contains("here.cpp:7"), loopbridge::bridge_full);
  CHECK_THROWS_WITH_AS(throw_full({}), Contains("raise options::capacity"),
                       loopbridge::bridge_full);
  CHECK_THROWS_WITH_AS(throw_error(status::wrong_process),
                       Contains("make a new bridge after fork()"), loopbridge::wrong_process);
  CHECK_THROWS_WITH_AS(throw_no_state("this thing is empty: fill it"),
                       "loopbridge: this thing is empty: fill it", loopbridge::no_state);
}

TEST_CASE("a timeout says how long it was, where the call came from, and what it waited for") {
  using namespace std::chrono_literals;
  using loopbridge::detail::missing;
  using loopbridge::detail::throw_timed_out;
  const auto text = [](std::chrono::nanoseconds waited, missing what) {
    try {
      throw_timed_out(here, waited, what);
    } catch (const loopbridge::timed_out& e) {
      return doctest::String(e.what());
    }
  };
  CHECK(text(50ms, missing::turn) == Contains("50 ms, was up while the call was queued"));
  CHECK(text(1500us, missing::callable) ==
        Contains("1.5 ms, was up while the callable was running"));
  CHECK(text(1h, missing::answer) == Contains("3600 s, was up while the call, whose callable has"));
  CHECK(text(0s, missing::room) == Contains("0 ms, was up while the call waited for room"));
  for (const auto what : {missing::room, missing::turn, missing::callable, missing::answer}) {
    CHECK(text(1ms, what) == Contains("(submitted at here.cpp:7)"));
  }
}

TEST_CASE("every status is turned into its error, but for the two that are none") {
  using loopbridge::throw_unless_ok;
  CHECK_NOTHROW(throw_unless_ok(status::accepted));
  CHECK_NOTHROW(throw_unless_ok(status::answered));
  CHECK_THROWS_AS(throw_unless_ok(status::bridge_stopped), loopbridge::bridge_stopped);
  CHECK_THROWS_AS(throw_unless_ok(status::bridge_full), loopbridge::bridge_full);
  CHECK_THROWS_AS(throw_unless_ok(status::exhausted), loopbridge::exhausted);
  CHECK_THROWS_AS(throw_unless_ok(status::wrong_process), loopbridge::wrong_process);
  CHECK_THROWS_AS(throw_unless_ok(status::timed_out), loopbridge::timed_out);
  CHECK_THROWS_AS(throw_unless_ok(status::would_deadlock), loopbridge::would_deadlock);
  CHECK_THROWS_AS(throw_unless_ok(status::unsupported), loopbridge::unsupported);
  CHECK_THROWS_AS(throw_unless_ok(status::queue_closed), loopbridge::queue_closed);
  CHECK_THROWS_AS(throw_unless_ok(status::cancelled), loopbridge::cancelled);
  CHECK_THROWS_AS(throw_unless_ok(status::broken), loopbridge::broken);
  CHECK_THROWS_AS(throw_unless_ok(static_cast<status>(99)), loopbridge::error);
  for (int s = 2; s < 13; ++s) {  // one more than there are
    CHECK_THROWS_WITH_AS(throw_unless_ok(static_cast<status>(s)), Contains("errors_test.cpp"),
                         loopbridge::error);
  }
}

TEST_CASE("every status has its name") {
  CHECK(std::strcmp(to_string(status::accepted), "accepted") == 0);
  CHECK(std::strcmp(to_string(status::answered), "answered") == 0);
  CHECK(std::strcmp(to_string(status::bridge_stopped), "bridge_stopped") == 0);
  CHECK(std::strcmp(to_string(status::bridge_full), "bridge_full") == 0);
  CHECK(std::strcmp(to_string(status::exhausted), "exhausted") == 0);
  CHECK(std::strcmp(to_string(status::wrong_process), "wrong_process") == 0);
  CHECK(std::strcmp(to_string(status::timed_out), "timed_out") == 0);
  CHECK(std::strcmp(to_string(status::would_deadlock), "would_deadlock") == 0);
  CHECK(std::strcmp(to_string(status::unsupported), "unsupported") == 0);
  CHECK(std::strcmp(to_string(status::queue_closed), "queue_closed") == 0);
  CHECK(std::strcmp(to_string(status::cancelled), "cancelled") == 0);
  CHECK(std::strcmp(to_string(status::broken), "broken") == 0);
  CHECK(std::strcmp(to_string(static_cast<status>(99)), "unknown") == 0);
}

TEST_CASE("messages that must not fail name the place, or none, and cut it where it is long") {
  const auto text = [](std::source_location where) {
    return std::string(loopbridge::detail::where_text(where).c_str());
  };
  CHECK(text(here) == "here.cpp:7");
  CHECK(text({}) == "an unknown place");
  const std::string file(600, 'f');
  CHECK(text(support::numbered_locations(file.c_str(), 8)[7]) == file.substr(0, 511));
}
