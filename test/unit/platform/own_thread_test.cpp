// Every thread that the library starts: the signals that its starter blocks stay blocked meanwhile,
// and its stack is as large as the options say.
#include <doctest/doctest.h>
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/app_loop.hpp"
#include "support/gate.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"
#include "support/sanitizers.hpp"

TEST_SUITE_BEGIN("own_thread");

using loopbridge::bridge;
using loopbridge::options;
using support::generous;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

volatile std::sig_atomic_t came = 0;

/// Pending in this thread, which blocks it.
class pending_signal {
 public:
  explicit pending_signal(int number) : number_(number) {
    came = 0;
    struct sigaction mine{};
    mine.sa_handler = [](int) { came = 1; };
    sigaction(number, &mine, &action_);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    pthread_sigmask(SIG_BLOCK, &only, &mask_);
    raise(number);
  }
  ~pending_signal() {
    signal(number_, SIG_IGN);  // discards it
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    sigaction(number_, &action_, nullptr);
  }
  pending_signal(const pending_signal&) = delete;
  pending_signal& operator=(const pending_signal&) = delete;

  bool is_pending() const {
    sigset_t pending, mask;
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    return came == 0 && sigismember(&pending, number_) == 1 && sigismember(&mask, number_) == 1;
  }

 private:
  const int number_;
  struct sigaction action_{};
  sigset_t mask_{};
};

options with_no_signal_blocked() {
  options opts;
  sigemptyset(&opts.blocked_signals.emplace());
  return opts;
}

options with_watchdog() {
  options opts;
  opts.watchdog.callback = 1h;
  return opts;
}

/// The signals that the loop's thread has open by default, one that it blocks, and one that is kept
/// open in critical sections of the library's. (Valgrind lets a thread block none of that kind.)
std::vector<int> signals_to_try() {
  std::vector<int> all = {SIGPROF, SIGXCPU, SIGPWR, SIGUSR1, SIGABRT};
  if (pending_signal(SIGSYS).is_pending()) all.push_back(SIGSYS);
  return all;
}

/// Is a signal that the caller blocks still pending when f has started its thread?
template <class F>
void check_pending_after(F f) {
  for (const int number : signals_to_try()) {
    CAPTURE(number);
    const pending_signal s(number);
    f();
    CHECK(s.is_pending());
  }
}

std::size_t stack_of_this_thread() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  void* at = nullptr;
  std::size_t size = 0;
  pthread_attr_getstack(&attributes, &at, &size);
  pthread_attr_destroy(&attributes);
  return size;
}

options with_stack(std::size_t size) {
  options opts;
  opts.stack_size = size;
  return opts;
}

}  // namespace

TEST_CASE("a signal that the caller blocks stays pending while it makes a bridge") {
  check_pending_after([] { bridge().call([] {}); });
  check_pending_after([] { bridge(with_no_signal_blocked()).call([] {}); });
  check_pending_after([] { bridge(with_watchdog()).call([] {}); });
}

TEST_CASE("so it does while it makes a group, a log, and a bridge on a loop of its own") {
  check_pending_after(
      [] { loopbridge::bridge_group(2, with_no_signal_blocked()).next().call([] {}); });
  check_pending_after([] {
    loopbridge::log_options quiet;
    quiet.writer.write = [](const loopbridge::log_line&) {};
    loopbridge::log_sink log(std::move(quiet));
    (void)log.log(loopbridge::log_level::info, "a line");
  });
  check_pending_after([] {
    support::app_loop app;
    bridge b = bridge::adopt(&app.loop, with_watchdog());
    b.post([] {});
    uv_run(&app.loop, UV_RUN_DEFAULT);
  });
}

TEST_CASE("so it does for the default bridge, and for the one that takes its place in a child" *
          doctest::skip(!support::children_may_start_threads)) {
  CHECK(support::in_child([] {
          for (const int number : signals_to_try()) {
            const pending_signal s(number);
            loopbridge::default_bridge().call([] {});
            if (!s.is_pending()) return number;
            const int in_child = support::in_child([&] {
              raise(number);  // what is pending is not inherited
              loopbridge::restart_in_child().call([] {});
              return s.is_pending() ? 0 : 1;
            });
            if (in_child != 0) return 100 + number;
          }
          return 0;
        }) == 0);
}

TEST_CASE("the stack of a bridge's loop, of each of a group, and of a log is as large as asked") {
  const std::size_t size = 24 * mib;
  CHECK(bridge(with_stack(size)).call(stack_of_this_thread) >= size);
  loopbridge::bridge_group group(2, with_stack(size));
  for (bridge& b : group) CHECK(b.call(stack_of_this_thread) >= size);
  std::size_t log_has = 0;
  {
    loopbridge::log_options opts;
    opts.stack_size = size;
    opts.writer.write = [&](const loopbridge::log_line&) { log_has = stack_of_this_thread(); };
    loopbridge::log_sink log(std::move(opts));
    (void)log.log(loopbridge::log_level::info, "a line");
  }
  CHECK(log_has >= size);
}

TEST_CASE("so is the stack on which a watchdog reports") {
  std::size_t has = 0;
  const support::gate reported;
  options opts = with_stack(24 * mib);
  opts.watchdog.callback = 1ms;
  opts.watchdog.on_overdue = [&](const loopbridge::overdue& o) {
    if (o.what != loopbridge::overdue::kind::callback) return;
    has = stack_of_this_thread();
    reported.open();
  };
  bridge b(opts);
  CHECK(b.call([&] { return reported.wait(); }));
  CHECK(has >= opts.stack_size);
}

TEST_CASE("a stack need not be whole pages, and may be as small as 64 KiB" *
          doctest::skip(support::has_asan || support::has_tsan)) {
  for (const std::size_t size : {mib / 16, mib / 10, 5 * mib + 1}) {
    const std::size_t has = bridge(with_stack(size)).call(stack_of_this_thread);
    CHECK(has >= size);
    CHECK(has < size + mib);
  }
}

TEST_CASE("by default the stack is the system's default, but 1 MiB at least" *
          doctest::skip(!support::children_may_start_threads)) {
#ifdef __GLIBC__
  for (const std::size_t usual : {mib / 8, 3 * mib, 24 * mib}) {
    CAPTURE(usual);
    CHECK(support::in_child([&] {
            pthread_attr_t attributes;
            pthread_attr_init(&attributes);
            pthread_attr_setstacksize(&attributes, usual);
            if (pthread_setattr_default_np(&attributes) != 0) return 1;
            const std::size_t has = bridge().call(stack_of_this_thread);
            if (has < usual || has < mib) return 2;
            return usual < 24 * mib && has >= 24 * mib ? 3 : 0;
          }) == 0);
  }
#endif
  CHECK(bridge().call([] {
    volatile char large[200'000];
    large[0] = 7;
    return large[0];
  }) == 7);
}

TEST_CASE("a stack that is refused is an error that names the option, and nothing is left") {
  {
    const bridge warm;
  }
  const auto before = support::resources::in_use();
  // Fewer bytes than a loop needs, and more than there are addresses.
  for (const std::size_t size :
       {std::size_t{1}, mib / 16 - 1, std::size_t{1} << 50, ~std::size_t{0}}) {
    CAPTURE(size);
    const auto is_refused = [](auto&& make) {
      try {
        make();
      } catch (const std::system_error& e) {
        return std::string(e.what()).find("options::stack_size") != std::string::npos;
      }
      return false;
    };
    CHECK(is_refused([&] { bridge{with_stack(size)}; }));
    CHECK(is_refused([&] { loopbridge::bridge_group(2, with_stack(size)); }));
    CHECK(is_refused([&] {
      loopbridge::log_options opts;
      opts.stack_size = size;
      loopbridge::log_sink{std::move(opts)};
    }));
    options watched = with_stack(size);
    watched.watchdog.callback = 1h;
    CHECK(is_refused([&] { bridge{watched}; }));
    CHECK(before.are_back());
  }
}
