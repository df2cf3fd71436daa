// Between two instructions a thread may spend long: asleep in the system call of a wait. There a
// signal interrupts it, too, and its handler submits, and awaits the answer.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>

#include "stepping/support/stepped_bridge.hpp"
#include "stepping/support/sweep.hpp"

TEST_SUITE_BEGIN("stepping: asleep");

using loopbridge::status;
using namespace stepping;

namespace {

stepped_bridge* subject = nullptr;
status (*handler)(stepped_bridge&) = nullptr;
std::atomic<unsigned> handled{0};
std::atomic<status> told{status::accepted};

/// Runs `operation`, which sleeps since the loop is held, and once it does interrupts it by real
/// signals; the last one lets the loop go.
void interrupt_asleep(const char* name, bool stops, void (*operation)(stepped_bridge&),
                      status (*handle)(stepped_bridge&)) {
  constexpr unsigned signals = 20;
  expect_progress(name);
  stepped_bridge s(loopbridge::doorbell::wakeup_fd);
  subject = &s;
  handler = handle;
  handled = 0;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {
    if (handled + 1 == signals) told.store(handler(*subject));
    ++handled;
  };
  sigaction(SIGUSR1, &action, &before);
  s.hold(false);
  s.answer = s.bridge->submit([] { return 42; });
  report r;
  {
    const thread_state sleeper;
    const std::jthread interrupt_token([&, self = pthread_self()]() noexcept {
      for (unsigned i = 0; i < signals; ++i) {
        while (!s.stepping || !sleeper.is_asleep()) std::this_thread::yield();
        pthread_kill(self, SIGUSR1);
        while (handled <= i) std::this_thread::yield();
      }
    });
    s.stepping = true;
    operation(s);
  }
  sigaction(SIGUSR1, &before, nullptr);
  s.settle(stops);
  r.points = handled;
  if (told == status::timed_out) ++r.hung;
  if (s.outer.ran != s.outer.least || s.nested.ran != s.nested.least) ++r.lost;
  print(std::string(name) + ", asleep in the wait", r);
  CHECK(r.clean());
  CHECK(told == (stops ? status::bridge_stopped : status::answered));
}

status submit_and_wait(stepped_bridge& s) {
  s.let_go = true;
  const status got = s.fired->call_for(patience);
  if (got == status::answered) s.nested.expect(1);
  return got;
}

}  // namespace

TEST_CASE("a thread that sleeps in a wait may be interrupted, by one signal after the other" *
          doctest::skip(!available)) {
  interrupt_asleep(
      "call", false,
      [](stepped_bridge& s) {
        s.bridge->call([&s] { ++s.outer.ran; });
        s.outer.expect(1);
      },
      submit_and_wait);
  interrupt_asleep(
      "call_for", false,
      [](stepped_bridge& s) {
        s.bridge->call_for(patience, [&s] { ++s.outer.ran; });
        s.outer.expect(1);
      },
      submit_and_wait);
  interrupt_asleep(
      "get", false,
      [](stepped_bridge& s) {
        s.outer.expect(1);
        if (s.answer->get() == 42) ++s.outer.ran;
      },
      submit_and_wait);
  interrupt_asleep(
      "reentrant_call::call_for", false,
      [](stepped_bridge& s) {
        s.outer.expect(1);
        if (s.own_call->call_for(patience) != status::answered) s.outer.expect(1);
      },
      submit_and_wait);
  interrupt_asleep("stop", true, [](stepped_bridge& s) { s.bridge->stop(); }, submit_and_wait);
}
