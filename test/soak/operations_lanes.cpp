#include <utility>

#include "job.hpp"
#include "lanes.hpp"
#include "operations.hpp"

// What is done with lanes. An actor has a few of its own, to which its handlers post as well; a
// callable on a loop makes one for the moment, and drops it with what it has posted.
namespace soak {
namespace {

using loopbridge::full_lane;
using loopbridge::status;

void not_accepted(world& w, const numbered_lane& l, id i, status got) {
  if (got == status::exhausted) {
    count(w.counts.lanes_full);
    if (l.full == full_lane::spill) w.books.complain("a lane that spills was full", i);
  } else if (got != status::stopped) {
    w.books.complain("lane::try_post: a strange status", i);
  }
  w.books.refuse(i, got == status::stopped);
}

/// By try_post, or by post, which may wait for room.
template <class Job>
void post_this(world& w, numbered_lane& l, id i, bool tries, Job&& j) {
  if (tries) {
    const status got = l.way.try_post(std::forward<Job>(j));
    if (got != status::accepted) throw got;
    return;
  }
  try {
    l.way.post(std::forward<Job>(j));
  } catch (const loopbridge::lane_full&) {
    if (l.full != full_lane::refuse) w.books.complain("lane_full, but it was not to refuse", i);
    throw status::exhausted;
  } catch (const loopbridge::bridge_stopped&) {
    throw status::stopped;
  }
}

/// `act` makes the callable, posts it, and lets go of it; throws the status if it was refused.
template <class Act>
void post_by(world& w, const numbered_lane& l, id i, Act&& act) {
  const doing that("lane::post");
  const submitting one(i);
  const account::loop_waits waiting(w.books, l.site);
  try {
    std::forward<Act>(act)();
  } catch (status got) {
    return not_accepted(w, l, i, got);
  } catch (const loopbridge::would_deadlock&) {
    if (l.full != full_lane::block || here.loop_of == l.site) {
      w.books.complain("lane::post: would_deadlock, where it does not wait", i);
    }
    w.check_deadlock(l.site, waiting, i);
    return w.books.refuse(i, false);
  }
  w.books.accept(i);
}

/// More than there is room for, while the loop is held up.
void overfill(world& w, numbered_lane& l, bool tries) {
  count(w.counts.lane_floods);
  for (int n = 0; n < 1300; ++n) {
    count(w.counts.lane);
    const id i = w.books.open(kind::lane, l.site, l.number);
    if (i == none) return;
    const plan p = n < 4 ? plan{19, 199} : plan{};
    post_by(w, l, i, [&] { post_this(w, l, i, tries, job<void, 2>(w, i, p)); });
  }
}

void post_to(world& w, numbered_lane& l, choices& c) {
  if (c.rarely(128)) return overfill(w, l, c.below(4) == 3);
  for (std::uint32_t left = 1 + c.below(4); left > 0; --left) {
    count(w.counts.lane);
    const id i = w.books.open(kind::lane, l.site, l.number);
    if (i == none) return;
    const bool tries = c.below(4) == 3;
    post_by(w, l, i, [&] {
      with_job<void>(w, c, i, [&](auto&& j) {
        // The lane moves it: so the signal comes in the middle of the post.
        interrupt_move = handling != nullptr && handling->lanes != nullptr && c.rarely(8);
        post_this(w, l, i, tries, std::move(j));
      });
    });
    interrupt_move = false;
  }
}

/// Empty: the bridge is being stopped, or the books have no room for more lanes.
void open_lane(world& w, station& s, choices& c, std::optional<numbered_lane>& made) {
  constexpr full_lane policies[] = {full_lane::block, full_lane::refuse, full_lane::spill};
  full_lane full = policies[c.below(3)];
  // The loops of leaves must not wait for others.
  if (full == full_lane::block && w.is_leaf(here.loop_of)) full = full_lane::spill;
  const std::uint16_t number = w.books.open_lane(s.site());
  if (number == 0) return;
  const doing that("bridge::lane");
  try {
    made.emplace(numbered_lane{s.bridge().lane(full, loopbridge::place{booked_lane, number}), full,
                               s.site(), number});
  } catch (const loopbridge::bridge_stopped&) {
    if (!w.books.at(s.site()).stop_begun.load(std::memory_order_relaxed)) {
      w.books.complain("bridge::lane: refused as stopped, although nobody stops the bridge");
    }
    return;
  }
  count(w.counts.lanes);
}

}  // namespace

void use_lane(world& w, choices& c) {
  if (handling == nullptr || handling->lanes == nullptr) {
    std::optional<numbered_lane> brief;
    open_lane(w, w.pick(c), c, brief);
    if (brief) post_to(w, *brief, c);
    return;
  }
  lane_shelf& shelf = *handling->lanes;
  auto& l = shelf.at(c.below(3));
  if (!l || c.rarely(16)) {
    shelf.drop(l);
    open_lane(w, w.pick(c), c, l);
    if (!l) return;
  }
  shelf.reach_for(&*l);
  post_to(w, *l, c);
}

void use_lane_that_is_left(world& w, choices& c) {
  if (handling == nullptr || handling->lanes == nullptr) return;
  lane_shelf& shelf = *handling->lanes;
  auto& l = shelf.at(c.below(3));
  if (!l) return;
  if (c.rarely(8)) return shelf.drop(l);
  shelf.reach_for(&*l);
  post_to(w, *l, c);
}

}  // namespace soak
