#include <chrono>
#include <utility>

#include "learn.hpp"
#include "operations.hpp"

namespace soak {
namespace {

using namespace std::chrono_literals;

/// The result is there: looks at it without waiting.
void look_at_error(world& w, const kept& k) {
  if (const std::exception_ptr failed = k.handle.error()) {
    learn(w, k.of, -1, [&]() -> answer { std::rethrow_exception(failed); });
  }
}

void cancel(world& w, const kept& k) {
  count(w.counts.cancel);
  w.books.note(k.of, cancel_asked);
  const id before = std::exchange(here.cancelling, k.of);
  const bool won = k.handle.cancel();
  here.cancelling = before;
  if (!won) return;
  w.books.note_cancel_won(k.of);
  if (!k.handle.ready()) w.books.complain("cancelled, and yet not ready", k.of);
}

}  // namespace

void look_at_handle(world& w, choices& c) {
  std::optional<std::shared_ptr<const kept>> taken = w.handles.take(c.below(256));
  if (!taken) return;
  count(w.counts.look);
  const kept& k = **taken;
  const int target = w.books.site_of(k.of);
  const std::uint32_t how = c.below(8);
  if (c.below(4) == 3) w.handles.put(*taken);  // for others to look at, at the same time
  const doing that("looking at a handle");
  const auto keep = [&](bool has_answer) {
    if (!has_answer && !c.rarely(4)) w.handles.put(std::move(*taken));
  };
  switch (how) {
    case 0:
      return keep(learn(w, k.of, target, [&] { return k.handle.get_for(0us); }));
    case 1:
      return keep(learn(w, k.of, target, [&] { return k.handle.get_for(300us); }));
    case 2:
      look_at_error(w, k);
      return keep(k.handle.ready());
    case 3:
      return;  // dropped
    case 4:
      cancel(w, k);
      return keep(learn(w, k.of, target, [&] { return k.handle.get_for(0us); }));
    case 5:
      return cancel(w, k);
    case 6:
      if (here.loop_of < 0) k.handle.wait();
      [[fallthrough]];
    default:
      keep(learn(w, k.of, target, [&] { return k.handle.get(); }));
  }
}

void settle_pledge(world& w, choices& c) {
  if (std::optional<pledge> p = w.pledges.take(c.below(256))) settle(w, std::move(*p), c.below(8));
}

void settle(world& w, pledge p, std::uint32_t how) {
  count(w.counts.settle);
  const bool was_stopped =
      w.books.at(w.books.site_of(p.of)).stop_ended.load(std::memory_order_relaxed);
  const id i = p.of;
  bool decided = false;
  if (how == 0) {
    w.books.note(i, let_go);
    return;  // dropped
  }
  if (how == 1) {
    decided = p.completer.reject(job_failed(i));
    if (decided) w.books.note(i, rejected);
  } else {
    decided = p.completer.resolve(answer{i, answer::proof_of(i)});
    if (decided) w.books.note(i, resolved);
  }
  if (decided && was_stopped) w.books.complain("resolved after its bridge had stopped", i);
  if (p.completer.resolve(answer{none, 0})) w.books.complain("resolved twice", i);
}

}  // namespace soak
