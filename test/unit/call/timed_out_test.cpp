// What a wait says that ended without its answer: how long it was, and what was missing.
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <stop_token>
#include <string>

#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/here.hpp"
#include "support/producers.hpp"

TEST_SUITE_BEGIN("timed out");

namespace {

using doctest::Contains;
using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using support::here;
using namespace std::chrono_literals;

template <class F>
std::string message_of(F&& wait) {
  try {
    wait();
  } catch (const loopbridge::timed_out& e) {
    return e.what();
  } catch (const loopbridge::bridge_full& e) {
    return e.what();
  }
  return "nothing was thrown";
}

void says(const std::string& message, const char* time, const char* what) {
  CAPTURE(message);
  CHECK(message.find(time) != std::string::npos);
  CHECK(message.find(what) != std::string::npos);
  CHECK(message.find("here.cpp:7") != std::string::npos);
}

}  // namespace

TEST_CASE("a call that has not begun was queued") {
  bridge b;
  const support::held_loop held(b);
  says(message_of([&] { b.call_for(2ms, [] {}, here); }), "2 ms", "was queued");
  const auto answer = b.submit([] {}, here);
  const std::stop_source never;
  says(message_of([&] { answer.get_for(1500us); }), "1.5 ms", "was queued");
  says(message_of([&] { answer.get_for(1ms, never.get_token()); }), "1 ms", "was queued");
  says(message_of([&] { b.submit([] { return 1; }, here).get_for(-1s); }), "0 ms", "was queued");
}

TEST_CASE("one that the loop is in was running") {
  bridge b;
  const support::gate begun;
  const support::gate go_on;
  const auto answer = b.submit(
      [=] {
        begun.open();
        (void)go_on.wait();
      },
      here);
  CHECK(begun.wait());
  says(message_of([&] { answer.get_for(1ms); }), "1 ms", "callable was running");
  go_on.open();
}

TEST_CASE("one whose callable has returned waited for its deferred: the loop is not to blame") {
  bridge b;
  completer<int> silent;
  const auto ask = [&] { return silent.get_deferred(); };
  const auto answer = b.submit(ask, here);
  b.call([] {});
  const std::string message = message_of([&] { answer.get_for(1ms); });
  says(message, "1 ms", "waited for its deferred");
  CHECK(message.find("blocked") == std::string::npos);
  silent.resolve(1);
  completer<int> silent_too;
  const auto ask_again = [&]() -> deferred<int> { return silent_too.get_deferred(); };
  // Long enough to begin, on any machine; if it was not, it was queued, which is as true.
  const std::string called = message_of([&] { (void)b.call_for(50ms, ask_again, here); });
  CHECK(called.find("50 ms") != std::string::npos);
  CHECK((called.find("its deferred") != std::string::npos ||
         called.find("queued") != std::string::npos));
}

TEST_CASE("one that found no room in a full bridge says so, and how long it waited for that") {
  bridge b(support::with_capacity(1));
  const support::held_loop held(b);
  b.post([] {});
  says(message_of([&] { b.call_for(2ms, [] {}, here); }), "2 ms", "waited for room");
}

TEST_CASE("one that a full bridge's patience was over for says so, and how long that was") {
  loopbridge::options opts = support::with_capacity(1);
  opts.patience = 3ms;
  bridge b(opts);
  const support::held_loop held(b);
  b.post([] {});
  says(message_of([&] { b.post([] {}, here); }), "3 ms", "no room within");
  says(message_of([&] { (void)b.submit([] {}, here); }), "3 ms", "no room within");
  says(message_of([&] { b.call([] {}, here); }), "3 ms", "no room within");
  says(message_of([&] { b.call_for(1ms, [] {}, here); }), "1 ms", "waited for room");
}
