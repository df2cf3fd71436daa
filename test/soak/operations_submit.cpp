#include <chrono>
#include <source_location>

#include "job.hpp"
#include "learn.hpp"
#include "operations.hpp"
#include "port.hpp"

namespace soak {
namespace {

using namespace std::chrono_literals;

std::chrono::microseconds timeout_of(choices& c) {
  switch (c.below(4)) {
    case 0:
      return 60s;
    case 1:
      return 2ms;
    case 2:
      return std::chrono::microseconds(c.below(64));
    default:
      return 0us;
  }
}

/// Submits by `act`; false: it was refused.
template <class Act>
bool submit_by(world& w, id i, Act&& act) {
  const submitting one(i);
  try {
    std::forward<Act>(act)();
  } catch (const loopbridge::bridge_stopped&) {
    w.books.refuse(i);
    return false;
  }
  w.books.accept(i);
  return true;
}

/// What becomes of the handle.
void go_on_with(world& w, loopbridge::eventual<answer> e, id i, int target, choices& c) {
  const bool settles_itself = here.loop_of < 0;
  switch (c.below(8)) {
    case 0:
    case 1:
      w.handles.put(std::make_shared<kept>(kept{std::move(e), i}));
      break;
    case 2:
      break;  // dropped
    case 3:
      if (settles_itself && learn(w, i, target, [&] { return std::move(e).get(); })) break;
      [[fallthrough]];
    case 4: {
      const auto timeout = timeout_of(c);
      if (!learn(w, i, target, [&] { return e.get_for(timeout); })) {
        w.handles.put(std::make_shared<kept>(kept{std::move(e), i}));
      }
      break;
    }
    default:
      learn(w, i, target, [&] { return e.get(); });
  }
}

}  // namespace

void post_job(world& w, station& s, choices& c) {
  count(w.counts.post);
  const id i = w.books.open(kind::post, s.site());
  if (i == none) return;
  const std::source_location where = booked[i];
  const doing that("post");
  if (c.below(4) != 3) {
    submit_by(w, i, [&] {
      with_job<void>(w, c, i, [&](auto&& j) { port::post(w, s.bridge(), std::move(j), where); });
    });
    return;
  }
  loopbridge::status got{};
  {
    const submitting one(i);
    got =
        with_job<void>(w, c, i, [&](auto&& j) { return s.bridge().try_post(std::move(j), where); });
  }
  if (got == loopbridge::status::accepted) return w.books.accept(i);
  if (got != loopbridge::status::bridge_stopped) w.books.complain("try_post: a strange status", i);
  w.books.refuse(i);
}

void submit_job(world& w, station& s, choices& c) {
  count(w.counts.submit);
  const id i = w.books.open(kind::submit, s.site());
  if (i == none) return;
  const std::source_location where = booked[i];
  loopbridge::eventual<answer> e;
  const std::uint32_t shape = c.below(6);
  const auto by = [&](auto&& j) { e = port::submit(w, s.bridge(), std::move(j), where); };
  const doing that("submit, and what follows");
  const bool is_accepted = submit_by(w, i, [&] {
    if (shape == 5) {
      with_job<loopbridge::task<answer>>(w, c, i, by);
    } else if (shape >= 3) {
      with_job<loopbridge::deferred<answer>>(w, c, i, by);
    } else {
      with_job<answer>(w, c, i, by);
    }
  });
  if (is_accepted) go_on_with(w, std::move(e), i, s.site(), c);
}

namespace {

/// `call` and `call_for`. bridge_stopped may mean two things: refused at once, or accepted and then
/// stopped. Which of them the callable tells, by the thread that destroyed it.
template <class Call>
bool ask_by_calling(world& w, id i, int target, choices& c, Call&& call) {
  const auto by = [&](auto&& j) -> answer {
    try {
      return call(std::move(j));
    } catch (const loopbridge::bridge_stopped&) {
      if (!w.books.knows(i, by_submitter)) throw;
    }
    throw refused_at_once();
  };
  const std::uint32_t shape = c.below(8);
  return learn(w, i, target, [&] {
    if (shape == 7) return with_job<loopbridge::task<answer>>(w, c, i, by);
    return shape >= 5 ? with_job<loopbridge::deferred<answer>>(w, c, i, by)
                      : with_job<answer>(w, c, i, by);
  });
}

}  // namespace

void call_job(world& w, station& s, choices& c) {
  count(w.counts.call);
  const id i = w.books.open(kind::call, s.site());
  if (i == none) return;
  const std::source_location where = booked[i];
  const doing that("call");
  const submitting one(i);
  bool turned_away = false;
  const bool was_answered = ask_by_calling(w, i, s.site(), c, [&](auto&& j) {
    try {
      return port::call(w, s.bridge(), std::move(j), where);
    } catch (const loopbridge::would_deadlock&) {
      turned_away = true;
      throw;
    }
  });
  if (was_answered) {
    w.books.accept(i);
  } else {
    w.books.refuse(i, !turned_away);
  }
}

void call_job_for(world& w, station& s, choices& c) {
  count(w.counts.call_for);
  const id i = w.books.open(kind::call_for, s.site());
  if (i == none) return;
  const std::source_location where = booked[i];
  const auto timeout = timeout_of(c);
  const doing that("call_for");
  const submitting one(i);
  w.books.note(i, cancel_asked);  // by its timeout
  bool refused = false;
  const bool was_answered = ask_by_calling(w, i, s.site(), c, [&](auto&& j) {
    try {
      return s.bridge().call_for(timeout, std::move(j), where);
    } catch (const loopbridge::bridge_stopped&) {
      refused = w.books.knows(i, by_submitter);
      throw;
    }
  });
  if (was_answered) {
    w.books.accept(i);
  } else if (refused) {
    w.books.refuse(i);
  } else {
    w.books.withdraw(i);
  }
}

}  // namespace soak
