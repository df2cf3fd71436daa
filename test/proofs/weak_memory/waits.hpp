#pragma once

// Loops that wait for each other: whole bridges, and the graph by itself, where all that can happen
// is soon tried.
#include <memory>
#include <source_location>

#include "scenario.hpp"
#include "stop.hpp"

namespace weak_waits {

using loopbridge::would_deadlock;
using loopbridge::detail::blocking_wait;
using loopbridge::detail::completion;
using loopbridge::detail::wait_vertex;
using weak::require;
using weak_stop::quiet;

/// A core as the graph knows it: a thread that runs a loop. There is no loop.
class loop_in_name final : public loopbridge::detail::loop_core {
 public:
  loop_in_name() : loop_core(loopbridge::loop_ref(nullptr), nullptr, nullptr, nullptr) {
    name_ = "loop";
  }
  void is_adopted() { run_on_any_thread(); }
  void runs_here() { note_loop_thread(); }
  /// As a bridge's thread, which tells that it has started.
  void starts_here() {
    runs_here();
    started_ = weak::start([] {});
  }
  void await_start() const {
    weak::block("a loop's start", [this] { return started_ != 0; });
    weak::join(started_);
  }
  void ends_here() { forget_loop_thread(); }

 private:
  unsigned started_ = 0;
};

/// Is it refused by an exception, as it would never end?
template <class Wait>
bool refused(Wait&& wait) {
  try {
    wait();
    return false;
  } catch (const would_deadlock&) {
    return true;
  }
}

/// Waits for `target`, if that is not refused, until `over`.
template <class Over>
bool waits_for(const loop_in_name& target, Over&& over) {
  return !refused([&] {
    const auto answer = std::make_unique<completion>();  // no stack, whose reuse would hide more
    const blocking_wait waiting(target, {}, blocking_wait::how::timed, answer.get());
    over();
  });
}

/// Two loops' waits for each other, of which one must be refused. The other stands until it is.
struct two_waits {
  int standing = 0;
  int refused = 0;

  void wait_for(const loop_in_name& other) {
    const bool waited = waits_for(other, [this] {
      ++standing;
      weak::block("a wait that stands for ever", [this] { return standing + refused == 2; });
    });
    if (!waited) ++refused;
  }
};

WEAK_SCENARIO("of two loops that begin to wait for each other, one is told", {.deviations = 3}) {
  loop_in_name a;
  loop_in_name b;
  a.runs_here();
  two_waits both;
  const unsigned other = weak::start([&] {
    b.starts_here();
    both.wait_for(a);
  });
  b.await_start();
  both.wait_for(b);
  weak::join(other);
  require(both.standing < 2, "both wait for ever");
}

WEAK_SCENARIO("a loop whose thread shows when another waits for it already: one of them is told",
              {.deviations = 3}) {
  loop_in_name a;
  loop_in_name adopted;
  adopted.is_adopted();
  adopted.runs_here();  // a guess
  two_waits both;
  const unsigned waits = weak::start([&] {
    a.starts_here();
    both.wait_for(adopted);
  });
  const unsigned runs = weak::start([&] {
    a.await_start();
    adopted.runs_here();
    both.wait_for(a);
  });
  weak::join(waits);
  weak::join(runs);
  require(both.standing < 2, "both wait for ever");
}

WEAK_SCENARIO("a look at another loop's wait is over before that waiter goes on",
              {.deviations = 3}) {
  loop_in_name a;
  loop_in_name b;
  a.runs_here();
  const unsigned other = weak::start([&] {
    b.runs_here();
    waits_for(a, [] {});
    waits_for(a, [] {});  // its answer is another
  });
  waits_for(b, [] {});
  weak::join(other);
}

WEAK_SCENARIO("the vertex of a loop that has ended is not recycled while somebody waits for it",
              {.deviations = 3}) {
  loop_in_name a;
  loop_in_name ended;
  loop_in_name next;
  a.runs_here();
  bool was_refused = false;
  const unsigned first = weak::start([&] {
    ended.starts_here();
    weak::yield();
    ended.ends_here();
  });
  const unsigned second = weak::start([&] {
    weak::join(first);
    next.runs_here();
    was_refused = !waits_for(a, [] {});
  });
  ended.await_start();
  require(waits_for(ended, [] {}), "refused, though nobody waits in a circle");
  weak::join(second);
  require(!was_refused, "refused, though nobody waits in a circle");
}

WEAK_SCENARIO("loops that call each other: at least one is told that it would never end") {
  loopbridge::bridge a(weak::asleep());
  loopbridge::bridge b(weak::asleep());
  const auto call = [](loopbridge::bridge& other) {
    (void)refused([&] { other.call([] {}); });  // not where they did not meet
  };
  auto first = a.submit([&] { call(b); });
  b.call([&] { call(a); });
  first.get();
}

WEAK_SCENARIO("a loop that runs on a dead one's vertex is not taken for it") {
  loopbridge::bridge a(weak::asleep());
  auto ended = std::make_unique<loopbridge::bridge>(weak::asleep());
  bool was_refused = false;
  const auto call = [&](loopbridge::bridge& other) {
    try {
      if (refused([&] { other.call([] {}); })) was_refused = true;
    } catch (const loopbridge::bridge_stopped&) {
    }
  };
  auto waits = a.submit([&] { call(*ended); });
  ended->stop();  // its thread has ended, and the next one gets its vertex
  loopbridge::bridge next(weak::asleep());
  next.call([&] { call(a); });
  waits.get();
  require(!was_refused, "refused, though nobody waits in a circle");
}

WEAK_SCENARIO("a loop whose wait is answered, though it has yet to wake, may be waited for") {
  loopbridge::bridge a(weak::asleep());
  loopbridge::bridge b(weak::asleep());
  loopbridge::eventual<bool> second;
  auto first = a.submit(
      [&] { b.call([&] { second = b.submit([&] { return refused([&] { a.call([] {}); }); }); }); });
  first.get();
  require(!second.get(), "refused, though the loop that it waits for goes on");
}

WEAK_SCENARIO("a loop that waits for a then() that waits for it is told, or the then() ends") {
  loopbridge::bridge a({.spin = loopbridge::spinning::off, .on_unhandled_error = quiet});
  loopbridge::bridge b(weak::asleep());
  const bool told = b.call([&] {
    auto e = a.submit([] {}).then([&] { return b.submit([] {}); });
    return refused([&] { e.get(); });
  });
  require(told, "it ends, though it waits for the waiting loop");
}

WEAK_SCENARIO(
    "a then() that waits again, now for a loop that waits for it, is found by one of them") {
  loopbridge::bridge a({.spin = loopbridge::spinning::off, .on_unhandled_error = quiet});
  loopbridge::bridge b(weak::asleep());
  loopbridge::completer<int> first;
  auto e = a.submit([d = first.get_deferred()]() mutable { return std::move(d); }).then([&](int) {
    return b.submit([] {});
  });
  a.call([] {});
  auto waits = b.submit([&] { (void)refused([&] { e.get(); }); });
  first.resolve(1);
  // Not refused where the first part was answered, and its answer run, before b waited.
  waits.get();
}

WEAK_SCENARIO("a wait for a then() that another loop answers is not refused, and nothing is lost") {
  loopbridge::bridge a(weak::asleep());
  loopbridge::bridge b(weak::asleep());
  loopbridge::bridge c(weak::asleep());
  b.call([&] { a.submit([] {}).then([&] { return c.submit([] {}); }).get(); });
}

}  // namespace weak_waits
