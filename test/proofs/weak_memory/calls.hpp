#pragma once

// Calls from several threads and handlers.
#include <array>

#include "scenario.hpp"

// After the library, on which it depends.

namespace weak_calls {

using namespace std::chrono_literals;
using loopbridge::status;
using weak::require;

/// Data that goes to the loop and back: each access is checked to be ordered.
void call_with_data(loopbridge::bridge& bridge) {
  weak::plain<int> given(1);
  weak::plain<int> got = bridge.call([&] { return weak::plain<int>(given + 1); });
  require(got == 2, "a wrong answer");
}

WEAK_SCENARIO("callers are answered, whether the loop sleeps or not") {
  loopbridge::bridge bridge(weak::asleep());
  const unsigned other = weak::start([&] { call_with_data(bridge); });
  call_with_data(bridge);
  weak::join(other);
}

WEAK_SCENARIO("what one thread posts, and then tells another to follow, runs in that order") {
  loopbridge::bridge bridge(weak::asleep());
  weak::plain<int> last(0);  // of the loop's thread only
  weak::atomic<bool> posted{false};
  const unsigned other = weak::start([&] {
    if (!posted.load(std::memory_order_acquire)) return;
    bridge.post([&] { last = last == 1 ? 2 : -1; });
  });
  bridge.post([&] { last = 1; });
  posted.store(true, std::memory_order_release);
  weak::join(other);
  const int end = bridge.call([&] { return static_cast<int>(last); });
  require(end == 1 || end == 2, "run in another order");
}

WEAK_SCENARIO("a handler submits at any step of a call, and waits") {
  weak::tally firings;
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::reentrant_call fired(bridge, [&](std::uint64_t n) { firings += n; });
  unsigned accepted = 0;
  weak::allow_handler([&] {
    const status s = fired.call_for(20s);
    require(s == status::answered || s == status::timed_out, "refused");
    ++accepted;
  });
  call_with_data(bridge);
  weak::allow_no_handler();
  call_with_data(bridge);  // also late firings are over
  require(firings == accepted, "a firing is lost or doubled");
}

WEAK_SCENARIO("firings of one reentrant_call by two threads and a handler are all counted") {
  weak::tally firings;
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::reentrant_call fired(bridge, [&](std::uint64_t n) { firings += n; });
  const unsigned other = weak::start([&] { require(fired.post() == status::accepted, "refused"); });
  unsigned accepted = 1;
  weak::allow_handler([&] {
    require(fired.post() == status::accepted, "refused");
    ++accepted;
  });
  require(fired.post() == status::accepted, "refused");
  ++accepted;
  weak::allow_no_handler();
  weak::join(other);
  bridge.call([] {});
  require(firings == accepted, "a firing is lost or doubled");
}

WEAK_SCENARIO("what a thread did before it fired is seen by the firing that counts it") {
  std::array<weak::plain<int>, 2> written;
  unsigned long counted = 0;
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::reentrant_call fired(bridge, [&](std::uint64_t n) {
    counted += n;
    if (counted == 2) require(written[0] + written[1] == 2, "not seen");
  });
  const auto write_and_fire = [&](unsigned i) {
    written[i] = 1;
    require(fired.post() == status::accepted, "refused");
  };
  const unsigned other = weak::start([&] { write_and_fire(1); });
  write_and_fire(0);
  weak::join(other);
  bridge.call([] {});
  require(counted == 2, "a firing is lost or doubled");
}

WEAK_SCENARIO("what is taken from a list shows what its pusher did before") {
  struct item final : loopbridge::detail::operation {
    loopbridge::detail::call_base* run(loopbridge::detail::loop_core&) noexcept override {
      return nullptr;
    }
    loopbridge::detail::call_base* refuse(loopbridge::detail::loop_core&) noexcept override {
      return nullptr;
    }
    weak::plain<int> written{0};
  };
  std::array<item, 2> items;
  loopbridge::detail::submission_list<loopbridge::detail::operation> list;
  const auto push = [&](item& i) {
    i.written = 1;
    require(list.push(i), "refused");
  };
  int taken = 0;
  // No look before it: one that acquires would order what taking does not.
  const auto take = [&] {
    for (auto* n = list.take().oldest; n != nullptr; n = n->next, ++taken) {
      require(static_cast<item&>(*n).written == 1, "not seen");
    }
  };
  const unsigned other = weak::start([&] { push(items[1]); });
  take();
  push(items[0]);
  take();
  weak::join(other);
  take();
  require(taken == 2, "lost or doubled");
}

WEAK_SCENARIO("slots of the pool go round between a thread, a handler and the loop") {
  struct slot_user {
    weak::plain<int> runs{0};  // of the loop's thread only
  } user;
  loopbridge::bridge bridge(weak::asleep());
  const auto post = [&] {
    const status s = bridge.post_reentrant([](slot_user* u) { u->runs = u->runs + 1; }, &user);
    require(s == status::accepted, "refused");
  };
  int posted = 1;
  weak::allow_handler([&] {
    post();
    ++posted;
  });
  post();
  weak::allow_no_handler();
  require(bridge.call([&] { return static_cast<int>(user.runs); }) == posted, "lost or doubled");
}

WEAK_SCENARIO("a slot belongs to one thread at a time, and shows what its last user did") {
  loopbridge::detail::slot_bits slots(2);
  std::array<weak::plain<int>, 2> uses;
  const auto use = [&] {
    const unsigned i = slots.claim();
    if (i == loopbridge::detail::slot_bits::none) return;
    uses[i] = uses[i] + 1;
    slots.release(i);
  };
  const unsigned other = weak::start([&] {
    use();
    use();
  });
  weak::allow_handler(use);
  use();
  use();
  weak::join(other);
}

WEAK_SCENARIO("bridges start at the same time on two threads, and each answers") {
  const unsigned other = weak::start([] {
    loopbridge::bridge bridge(weak::asleep());
    call_with_data(bridge);
  });
  loopbridge::bridge bridge(weak::asleep());
  call_with_data(bridge);
  weak::join(other);
}

/// A bridge where both sides spin from the start.
struct awake {
  awake() {
    auto& spinning = *loopbridge::detail::bridge_access::core(bridge).spinning();
    spinning.loop.trust();
    spinning.waiters.trust();
  }
  loopbridge::bridge bridge;
};

WEAK_SCENARIO("callers are answered where they and the loop spin before they sleep") {
  awake a;
  const unsigned other = weak::start([&] { call_with_data(a.bridge); });
  call_with_data(a.bridge);
  weak::join(other);
}

WEAK_SCENARIO("a stop finds the loop spinning, or falling asleep") {
  awake a;
  const unsigned other = weak::start([&] { a.bridge.stop(); });
  try {
    call_with_data(a.bridge);
  } catch (const loopbridge::bridge_stopped&) {
  }
  weak::join(other);
}

}  // namespace weak_calls
