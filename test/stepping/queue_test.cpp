// The queue: every function of it, interrupted at every instruction by handlers that put, that put
// and wait for what a getter does about it, and that close. Each item that was accepted is got
// once, and no getter sleeps while there is one.
#include <doctest/doctest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <loopbridge/handlers/reentrant_queue.hpp>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <thread>

#include "stepping/support/stepped_bridge.hpp"
#include "stepping/support/sweep.hpp"
#include "support/patience.hpp"
#include "support/queue_access.hpp"

TEST_SUITE_BEGIN("stepping: queue");

using namespace stepping;
using namespace std::chrono_literals;
using loopbridge::queue_closed;
using loopbridge::reentrant_queue;
using loopbridge::status;

namespace {

constexpr int of_operation = 0, of_handler = 1, of_second = 2, of_helper = 3;

/// A queue, a getter that sleeps on it unless it is told not to, and whose items were got.
struct stepped_queue {
  reentrant_queue<int> queue;
  std::array<std::atomic<int>, 4> put{};
  std::array<std::atomic<int>, 4> got{};
  std::atomic<bool> in_vain{false};  ///< a handler's item has waited for a getter in vain
  std::jthread getter;

  explicit stepped_queue(bool with_getter) {
    if (with_getter) getter = std::jthread([this]() noexcept { get_all(); });
  }
  ~stepped_queue() { queue.close(); }

  void enter(int whose) { ++got[static_cast<std::size_t>(whose)]; }
  void get_all() {
    try {
      for (;;) enter(queue.get());
    } catch (const queue_closed&) {
    }
  }
  /// The handlers' way.
  void put_one(int whose) {
    if (queue.put_reentrant(whose) == status::accepted) ++put[static_cast<std::size_t>(whose)];
  }
  bool all_got(int whose) const {
    return got[static_cast<std::size_t>(whose)] == put[static_cast<std::size_t>(whose)];
  }
  bool waits_for(int whose) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!all_got(whose)) {
      if (std::chrono::steady_clock::now() > until) return false;
    }
    return true;
  }
  void reset() {
    for (auto& n : put) n = 0;
    for (auto& n : got) n = 0;
  }
};

struct action {
  const char* name;
  void (*run)(stepped_queue& s);
  bool closes = false;
};

const action puts_one{"puts", [](stepped_queue& s) { s.put_one(of_handler); }};
const action puts_and_waits{"puts and waits", [](stepped_queue& s) {
                              s.put_one(of_handler);
                              if (!s.waits_for(of_handler)) s.in_vain = true;
                            }};
const action closes{"closes", [](stepped_queue& s) { s.queue.close(); }, true};
const action closes_and_waits{"closes and sees the getter's end",
                              [](stepped_queue& s) {
                                s.put_one(of_handler);
                                s.queue.close();
                                if (!s.waits_for(of_handler)) s.in_vain = true;
                              },
                              true};

const action put_reentrant{"put_reentrant", [](stepped_queue& s) { s.put_one(of_operation); }};
const action put{"put", [](stepped_queue& s) {
                   if (s.queue.try_put(int{of_operation}) == status::accepted)
                     ++s.put[of_operation];
                 }};
const action put_and_get{"put and try_get", [](stepped_queue& s) {
                           if (s.queue.try_put(int{of_operation}) == status::accepted)
                             ++s.put[of_operation];
                           try {
                             if (const auto i = s.queue.try_get()) s.enter(*i);
                           } catch (const queue_closed&) {
                           }
                         }};
const action get_in_vain{"get_for, in vain", [](stepped_queue& s) {
                           try {
                             if (const auto i = s.queue.get_for(1us)) s.enter(*i);
                           } catch (const queue_closed&) {
                           }
                         }};
const action close_it{"close", [](stepped_queue& s) { s.queue.close(); }, true};

stepped_queue* signalled = nullptr;
const action* by_signal = nullptr;

/// As a handler of an asynchronous signal, which may be blocked for a moment: then it comes after.
void by_a_signal(stepped_queue& s, const action& what) {
  signalled = &s;
  by_signal = &what;
  struct sigaction how{};
  how.sa_handler = [](int) { by_signal->run(*signalled); };
  how.sa_flags = SA_NODEFER;
  sigaction(SIGUSR1, &how, nullptr);
  raise(SIGUSR1);
}

/// Everything that was put is got, and nothing twice.
void settle(stepped_queue& s, report& r) {
  for (std::size_t whose = 0; whose < s.put.size(); ++whose) {
    if (!s.waits_for(static_cast<int>(whose)) && s.got[whose] < s.put[whose]) ++r.lost;
    if (s.got[whose] > s.put[whose]) ++r.doubled;
  }
  if (s.in_vain.exchange(false)) ++r.hung;
  s.reset();
}

/// `o`, beside a getter that sleeps.
void sweep(const action& o, const action& handler) {
  const std::string scenario = std::string("queue, ") + o.name + " < " + handler.name;
  expect_progress(scenario);
  report r;
  std::optional<stepped_queue> s(std::in_place, true);
  const bool once = o.closes || handler.closes;
  const auto visit = [&](const boundary& at) {
    if (once) s.emplace(true);
    support::until_getter_sleeps(s->queue);
    const bool visited = interrupt_at(at, [&] { o.run(*s); }, [&] { by_a_signal(*s, handler); });
    settle(*s, r);
    if (visited) ++r.points;
    return visited;
  };
  support::until_getter_sleeps(s->queue);
  o.run(*s);  // first uses
  settle(*s, r);
  if (once) s.emplace(true);
  support::until_getter_sleeps(s->queue);
  const path way = path_of([&] { o.run(*s); });
  settle(*s, r);
  for_each_boundary(r, way, {}, visit, [&] { return r.hung > 0 || r.lost > 0; });
  print_and_check(scenario, r);
}

}  // namespace

TEST_CASE("a put may be interrupted anywhere by a handler that puts, and waits for the getter" *
          doctest::skip(!available)) {
  for (const action* o : {&put_reentrant, &put, &close_it}) {
    for (const action* h : {&puts_one, &puts_and_waits, &closes, &closes_and_waits}) sweep(*o, *h);
  }
}

TEST_CASE("a get may be interrupted anywhere by a handler that puts, and waits for another getter" *
          doctest::skip(!available)) {
  for (const action* o : {&put_and_get, &get_in_vain}) {
    for (const action* h : {&puts_one, &puts_and_waits, &closes_and_waits}) sweep(*o, *h);
  }
}

TEST_CASE("a get that sleeps may be interrupted anywhere by a handler that puts what it gets" *
          doctest::skip(!available)) {
  const std::string scenario = "queue, get that sleeps < puts";
  expect_progress(scenario);
  report r;
  stepped_queue s(false);
  const thread_state stepped;
  const auto get = [&] { s.enter(s.queue.get()); };
  // With a helper that puts if the getter comes to sleep, which it must not beside an item.
  const auto run = [&](auto&& how) {
    std::atomic<bool> is_over{false};
    std::jthread helper([&]() noexcept {
      while (!is_over && !(support::has_sleeper(s.queue) && stepped.is_asleep())) {
        std::this_thread::yield();
      }
      if (is_over) return;
      if (!s.all_got(of_handler)) s.in_vain = true;
      ++s.put[of_helper];
      s.queue.put(of_helper);
    });
    how();
    is_over = true;
    helper.join();
    while (const auto left = s.queue.try_get()) s.enter(*left);
    settle(s, r);
  };
  run(get);
  path way;
  run([&] { way = path_of(get); });
  for_each_boundary(
      r, way, {},
      [&](const boundary& at) {
        bool visited = false;
        run([&] { visited = interrupt_at(at, get, [&] { s.put_one(of_handler); }); });
        if (visited) ++r.points;
        return visited;
      },
      [&] { return r.hung > 0 || r.lost > 0; });
  print_and_check(scenario, r);
}

TEST_CASE("a handler's put may be interrupted by a handler that puts and waits" *
          doctest::skip(!available)) {
  const std::string scenario = "queue, put_reentrant < puts < puts and waits";
  expect_progress(scenario);
  report r;
  stepped_queue s(true);
  const auto second = [&] {
    s.put_one(of_second);
    if (!s.waits_for(of_second)) s.in_vain = true;
  };
  const auto handler = [&]() __attribute__((noinline)) { s.put_one(of_handler); };
  support::until_getter_sleeps(s.queue);
  const path inner_way = path_of(handler);
  settle(s, r);
  const auto visit = [&](const boundary& at) {
    const unsigned before = r.points;
    for_each_boundary(
        r, inner_way,
        {.all_up_to = 1, .first = 0, .rest = 15, .offset = r.points, .beyond_its_end = false},
        [&](const boundary& inner) {
          support::until_getter_sleeps(s.queue);
          bool both = false;
          (void)interrupt_at(
              at, [&] { s.put_one(of_operation); },
              [&] { both = interrupt_at(inner, handler, second); });
          settle(s, r);
          if (both) ++r.points;
          return both;
        },
        [&] { return r.hung > 0; });
    return r.points != before;
  };
  support::until_getter_sleeps(s.queue);
  const path way = path_of([&] { s.put_one(of_operation); });
  settle(s, r);
  for_each_boundary(r, way, {.beyond_its_end = false}, visit, [&] { return r.hung > 0; });
  print_and_check(scenario, r);
}
