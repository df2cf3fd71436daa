#include "operations.hpp"

#include <signal.h>

#include <span>

namespace soak {
namespace {

void post_one(world& w, choices& c) {
  post_job(w, w.pick(c), c);
}
void submit_one(world& w, choices& c) {
  submit_job(w, w.pick(c), c);
}
void call_one(world& w, choices& c) {
  call_job(w, w.pick(c), c);
}
void call_one_for(world& w, choices& c) {
  call_job_for(w, w.pick(c), c);
}
void bare_ones(world& w, choices& c) {
  station& s = w.pick(c);
  post_bare(w, s, c.rarely(64) ? 300 : 1 + c.below(4));  // 300: more than there are slots
}
void fire(world& w, choices& c) {
  if (w.prepaids.empty()) return;
  fire_prepaid(*w.prepaids[c.below(static_cast<std::uint32_t>(w.prepaids.size()))]);
}
void fire_and_wait(world& w, choices& c) {
  if (w.prepaids.empty()) return;
  prepaid& p = *w.prepaids[c.below(static_cast<std::uint32_t>(w.prepaids.size()))];
  wait_for_prepaid(w, p, std::chrono::microseconds(c.below(4) * 500));
}
void interrupt_oneself(world& w, choices&) {
  count(w.counts.raise);
  raise(SIGUSR1);
}
void stop_one(world& w, choices& c) {
  station& s = w.pick(c);
  if (c.rarely(16)) stop_station(w, s);
}
void fork_one(world& w, choices& c) {
  station& s = w.pick(c);
  if (c.rarely(16)) fork_child(w, s);
}
void brief_one(world& w, choices& c) {
  if (c.rarely(4)) live_briefly(w, c);
}

struct operation {
  unsigned weight;
  void (*run)(world&, choices&);
};

// For threads of their own, and for loops that may wait for others. The first is the dullest.
constexpr operation everything[] = {
    {18, post_one},       {24, submit_one},       {18, call_one}, {14, call_one_for},
    {14, look_at_handle}, {10, settle_pledge},    {6, bare_ones}, {6, fire},
    {6, fire_and_wait},   {8, interrupt_oneself}, {2, brief_one}, {1, stop_one},
    {1, fork_one},
};
// For the loops of leaves, for which everybody may wait.
constexpr operation without_waiting[] = {
    {10, post_one}, {10, settle_pledge}, {4, bare_ones}, {4, fire}, {1, interrupt_oneself},
};
constexpr operation with_handles[] = {
    {10, look_at_handle}, {4, settle_pledge}, {2, fire}, {2, fire_and_wait}, {2, interrupt_oneself},
};

void perform_one_of(std::span<const operation> all, world& w, choices& c) {
  unsigned sum = 0;
  for (const operation& o : all) sum += o.weight;
  unsigned chosen = c.below(sum);
  for (const operation& o : all) {
    if (chosen < o.weight) return o.run(w, c);
    chosen -= o.weight;
  }
}

}  // namespace

void perform(world& w, choices& c) {
  perform_one_of(w.is_leaf(here.loop_of) ? std::span<const operation>(without_waiting)
                                         : std::span<const operation>(everything),
                 w, c);
}

void perform_on_handles(world& w, choices& c) {
  perform_one_of(with_handles, w, c);
}

}  // namespace soak
