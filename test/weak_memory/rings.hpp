#pragma once

// A lane's ring by itself, with a bell and a loop that has nothing else: where all that can happen
// is soon tried, as it is not with whole bridges (lanes.hpp).
#include <array>

#include "scenario.hpp"

namespace weak_rings {

using loopbridge::detail::bell;
using loopbridge::detail::lane_ring;
using weak::require;

enum class system { fences_all_threads, cannot };

/// A ring, and how its two sides sleep and ring, as lane_state and the core do it.
class lane_alone {
 public:
  // The producer.

  /// False: refused.
  bool post(int value) {
    require(ring.enter(), "entered already");
    while (ring.room() == nullptr) {
      if (ring.is_closing()) {
        ring.leave();
        return false;
      }
      const auto* const word = ring.wait_for_room();
      if (word != nullptr) {
        loopbridge::detail::futex_wait(*word, 1, loopbridge::detail::no_deadline, process_);
      }
    }
    weak::plain<int>& item = data_[ring.position() % data_.size()];
    item = value;
    ring.publish();
    lane_ring::slot* last = nullptr;
    const bool accepted = ring.is_settled() || ring.settle(last);
    if (!accepted) item = 0;  // its own again
    ring.leave();
    if (!accepted) return false;
    if (const std::uint64_t episode = bell_.episode_to_ring(); episode != 0) {
      door_.write();
      bell_.silence(episode);
    }
    return true;
  }

  // The loop.

  /// Until as many were taken, ever.
  void run_until(int count) {
    while (taken < count) {
      take(ring.published());
      if (taken < count) sleep();
    }
  }
  /// Takes what is accepted.
  void close(system s) {
    ring.close();
    if (s == system::fences_all_threads) weak::fence_all();
    const std::uint64_t last = ring.last();
    while (ring.taken() < last) take_one();
    publish_head();
  }
  /// As after a pass that took many: the ring is loud, if it was not.
  void had_traffic() { ring.note_traffic(1000); }

  std::array<lane_ring::slot, 2> slots{};
  lane_ring ring{slots.data(), 2};
  int taken = 0;

 private:
  void take(std::uint64_t position) {
    const std::uint64_t first = ring.taken();
    while (ring.taken() < position) take_one();
    if (ring.taken() == first) return;
    ring.note_traffic(ring.taken() - first);
    publish_head();
  }
  void take_one() {
    weak::plain<int>& item = data_[ring.taken() % data_.size()];
    (void)ring.next();
    require(item == ++taken, "another item");
    item = 0;
  }
  void publish_head() {
    if (auto* const word = ring.publish_head(); word != nullptr) {
      loopbridge::detail::futex_wake_all(*word);
    }
  }
  void sleep() {
    bell_.arm();
    if (ring.arm()) weak::fence_all();
    if (!ring.has_items()) {
      weak::block("the doorbell", [this] { return door_.readable(); });
      door_.read();
    }
    bell_.disarm();
  }

  std::array<weak::plain<int>, 2> data_;
  bell bell_;
  const loopbridge::detail::process_mark process_;
  weak::descriptor door_;
};

/// `posts` by a producer, which are all taken by a loop that sleeps whenever it can.
void posts_to_a_loop_that_sleeps(lane_alone& l, int posts) {
  const unsigned producer = weak::start([&l, posts] {
    for (int n = 1; n <= posts; ++n) require(l.post(n), "refused, though nobody closes it");
  });
  l.run_until(posts);
  weak::join(producer);
}

WEAK_SCENARIO("a ring whose producer fences: the loop sees the item, or is rung",
              {.deviations = 4}) {
  lane_alone l;
  posts_to_a_loop_that_sleeps(l, 1);
}

WEAK_SCENARIO("a ring of two for four items: producer and loop sleep and are woken in turn",
              {.deviations = 3}) {
  lane_alone l;
  posts_to_a_loop_that_sleeps(l, 4);
}

WEAK_SCENARIO("a ring whose producer leaves out its fence, until the loop makes it quiet",
              {.deviations = 3}) {
  lane_alone l;
  l.had_traffic();
  posts_to_a_loop_that_sleeps(l, 4);
}

WEAK_SCENARIO("a ring that becomes loud while its producer is about it", {.deviations = 3}) {
  lane_alone l;
  const unsigned producer = weak::start([&l] {
    for (int n = 1; n <= 3; ++n) require(l.post(n), "refused, though nobody closes it");
  });
  l.run_until(1);
  l.had_traffic();
  l.run_until(3);
  weak::join(producer);
}

/// Two posts and a close: what is accepted is taken, and nothing else.
void closes(lane_alone& l, system s) {
  int accepted = 0;
  const unsigned producer = weak::start([&] {
    while (accepted < 2 && l.post(accepted + 1)) ++accepted;
  });
  l.close(s);
  weak::join(producer);
  require(l.taken == accepted, "an item is accepted and not taken, or the other way round");
}

WEAK_SCENARIO("a ring is closed while its producer fences", {.deviations = 4}) {
  lane_alone l;
  closes(l, system::fences_all_threads);
}

WEAK_SCENARIO("a ring is closed, and the system has no fence of all threads", {.deviations = 4}) {
  lane_alone l;
  closes(l, system::cannot);
}

WEAK_SCENARIO("a ring is closed while its producer leaves out its fence", {.deviations = 4}) {
  lane_alone l;
  l.had_traffic();
  closes(l, system::fences_all_threads);
}

WEAK_SCENARIO("a producer that waits for room is woken by a close", {.deviations = 3}) {
  lane_alone l;
  int accepted = 0;
  const unsigned producer = weak::start([&] {
    while (accepted < 4 && l.post(accepted + 1)) ++accepted;
  });
  l.run_until(1);
  l.close(system::cannot);
  weak::join(producer);
  require(l.taken == accepted, "an item is accepted and not taken, or the other way round");
}

}  // namespace weak_rings
