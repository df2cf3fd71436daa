#include "step_matrix.hpp"

#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>

namespace stepping {

using loopbridge::doorbell;
using loopbridge::status;

namespace {

/// The worst of what the handlers were told, as far as a test is concerned.
struct answers {
  unsigned timed_out = 0;
  unsigned refused = 0;

  void add(status got) {
    if (got == status::timed_out) ++timed_out;
    if (got != status::timed_out && got != status::accepted && got != status::answered) ++refused;
  }
};

/// One operation on one doorbell in one state: all handlers in turn.
class row {
 public:
  row(const operation& o, doorbell kind, loop_is state)
      : operation_(o), kind_(kind), state_(state) {}

  void sweep(const handler& first, const handler* second = nullptr);

 private:
  static constexpr unsigned enough_hangs = 3;
  static constexpr unsigned inner_of_each_outer = 8;  // unless full(), in turn

  bool stops() const {
    return operation_.stops || (first_ != nullptr && first_->stops) ||
           (second_ != nullptr && second_->stops);
  }
  bool ends_the_bridge() const { return stops() || state_ == loop_is::stopping; }

  void set_up();
  template <class Run>
  void run(Run&& operate);
  bool run_to(const boundary& at, call nested);
  bool interrupted(const boundary& at);
  void pairs_at(const boundary& at);
  bool interrupted_twice(const boundary& at, const boundary& inner);
  void handle(const handler& h);
  void handle_by_a_signal();
  /// As a type, so that it is one piece of code, whether its way is noted or stepped.
  struct first_handler {
    row& r;
    void operator()() const { r.handle(*r.first_); }
  };
  void judge(bool visited);

  const operation& operation_;
  const doorbell kind_;
  const loop_is state_;
  const handler* first_ = nullptr;
  const handler* second_ = nullptr;
  path way_;
  path inner_way_;
  std::string scenario_;
  std::optional<stepped_bridge> subject_;
  bool subject_is_used_up_ = false;
  report report_;
  answers answers_;
  bool errno_kept_ = true;
  unsigned outer_index_ = 0;
};

void row::set_up() {
  expect_progress(scenario_);
  if (!subject_ || subject_is_used_up_) subject_.emplace(kind_);
  subject_is_used_up_ = ends_the_bridge();
  stepped_bridge& s = *subject_;
  s.reset_ledgers();
  answers_ = {};
  s.said = false;
  if (operation_.prepare != nullptr) {
    operation_.prepare(s);
    s.settle(false);
  }
  if (state_ != loop_is::asleep) s.hold(operation_.waits);
  if (operation_.enqueue != nullptr) operation_.enqueue(s);
  if (state_ == loop_is::asleep) s.wait_until_asleep();
  if (state_ == loop_is::stopping) s.begin_stop();
}

/// One run of the operation, by `operate`, with everything around it.
template <class Run>
void row::run(Run&& operate) {
  set_up();
  stepped_bridge& s = *subject_;
  const auto start = std::chrono::steady_clock::now();
  operate([&] {
    s.stepping = true;
    operation_.run(s);
    s.stepping = false;
  });
  // The operation itself has waited in vain, and may have gone on after its deadline.
  if (std::chrono::steady_clock::now() - start > patience / 2) ++answers_.timed_out;
  s.settle(ends_the_bridge());
  if (operation_.look != nullptr) operation_.look(s);
}

/// False: the handler did not run.
bool row::run_to(const boundary& at, call nested) {
  bool visited = false;
  run([&](call operation) { visited = interrupt_at(at, operation, nested); });
  return visited;
}

/// Not inlined: a way that was noted is one through this copy of the code.
[[gnu::noinline]] void row::handle(const handler& h) {
  errno = 4242;
  const status got = h.run(*subject_);
  if (errno != 4242) errno_kept_ = false;
  answers_.add(got);
}

void row::judge(bool visited) {
  stepped_bridge& s = *subject_;
  for (ledger* const l : {&s.outer, &s.nested}) {
    // One report stands for all firings of a reentrant_call that were accepted and not run.
    if (l->ran < l->least && s.reported == 0) ++report_.lost;
    if (l->ran > l->most) ++report_.doubled;
  }
  report_.hung += answers_.timed_out > 0 ? 1 : 0;
  if (!visited) return;
  ++report_.points;
  report_.refused += answers_.refused;
}

/// In a handler, of a signal that is blocked where the interrupted code has it so.
void row::handle_by_a_signal() {
  static row* signalled;
  signalled = this;
  struct sigaction how{};
  how.sa_handler = [](int) { signalled->handle(*signalled->first_); };
  sigaction(SIGUSR1, &how, nullptr);
  raise(SIGUSR1);
}

bool row::interrupted(const boundary& at) {
  const auto nested = [&] { operation_.blocks_signals ? handle_by_a_signal() : handle(*first_); };
  const bool visited = run_to(at, nested);
  judge(visited);
  return visited;
}

bool row::interrupted_twice(const boundary& at, const boundary& inner) {
  bool both = false;
  const auto second = [&] { handle(*second_); };
  const auto nested = [&] { both = interrupt_at(inner, first_handler{*this}, second); };
  const bool visited = run_to(at, nested);
  judge(visited && both);
  return both;
}

/// The first handler's way depends on where it comes in: whether it has to ring, say. So it is
/// noted anew at each boundary; unless full(), at every fourth.
void row::pairs_at(const boundary& at) {
  if (full() || outer_index_ % 4 == 0) {
    const bool came_there = run_to(at, [&] { note(first_handler{*this}); });
    judge(false);
    if (!came_there) return;
    inner_way_ = recorded();
  }
  ++outer_index_;
  for_each_boundary(
      report_, inner_way_,
      {.all_up_to = 1,
       .first = 0,
       .rest = inner_of_each_outer,
       .offset = outer_index_,
       .beyond_its_end = false},
      [&](const boundary& inner) { return interrupted_twice(at, inner); },
      [&] { return report_.hung >= enough_hangs; });
}

void row::sweep(const handler& first, const handler* second) {
  first_ = &first;
  second_ = second;
  scenario_ = std::string(operation_.name) + ", " +
              (kind_ == doorbell::wakeup_fd ? "wakeup_fd" : "uv_async") + ", " + name_of(state_) +
              ", handler " + first.name;
  if (second != nullptr) scenario_ += std::string(" < ") + second->name;
  report_ = {};
  if (way_.empty()) {
    for (int i = 0; i < 2; ++i) run([](call o) { o(); });  // first uses of a thread's own storage
    run([&](call o) { way_ = path_of(o); });
  }
  const auto enough = [&] { return report_.hung >= enough_hangs; };
  if (second_ == nullptr) {
    for_each_boundary(
        report_, way_, {}, [&](const boundary& at) { return interrupted(at); }, enough);
  } else {
    for_each_boundary(
        report_, way_, {},
        [&](const boundary& at) {
          const unsigned before = report_.points;
          pairs_at(at);
          return report_.points != before;
        },
        enough);
  }
  print(scenario_, report_);
  CAPTURE(scenario_);
  CHECK(report_.points > 10);
  CHECK(report_.lost == 0);
  CHECK(report_.doubled == 0);
  CHECK(report_.hung == 0);
  CHECK(errno_kept_);
  if (!ends_the_bridge()) CHECK(report_.refused == 0);
}

}  // namespace

std::string name_of(loop_is state) {
  return state == loop_is::asleep ? "asleep" : state == loop_is::held ? "held" : "stopping";
}

namespace {
/// Asked for a second opinion, ptrace is slow: it gets the hardest handlers, and no refusals.
bool is_left_out(const handler& h, bool may_wait, loop_is state) {
  return is_second_opinion() &&
         (state == loop_is::stopping || &h != (may_wait ? &submits_and_waits : &submits_prepaid));
}
}  // namespace

void step_through(const operation& o, const std::vector<const handler*>& handlers) {
  for (const auto kind : {doorbell::wakeup_fd, doorbell::uv_async}) {
    const bool may_wait = kind == doorbell::wakeup_fd;
    if (o.needs_waiting_handlers && !may_wait) continue;
    for (const loop_is state : o.states) {
      row swept(o, kind, state);
      for (const handler* const h : handlers) {
        if ((h->waits && !may_wait) || (h->uses_bridge && o.bridge_may_go)) continue;
        if (is_left_out(*h, may_wait, state)) continue;
        swept.sweep(*h);
      }
    }
  }
}

void step_through_pairs(const operation& o, loop_is state, const handler& first,
                        const handler& second) {
  row(o, doorbell::wakeup_fd, state).sweep(first, &second);
}

}  // namespace stepping
