// The loop's own thread, stepped through a whole turn: taking the snapshot, running and completing
// all kinds of calls, releasing them, arming the bell, sleeping, waking. At each instruction a
// handler comes. (A program's handlers can come there: options::blocked_signals, adopted loops.)
#include <doctest/doctest.h>
#include <poll.h>
#include <uv.h>

#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/app_loop.hpp"
#include "support/stepped_bridge.hpp"
#include "support/sweep.hpp"

TEST_SUITE_BEGIN("stepping: the loop's thread");

using loopbridge::bridge;
using loopbridge::doorbell;
using loopbridge::status;
using namespace stepping;
using std::chrono::steady_clock;

namespace {

constexpr const char* names[] = {"self_pipe", "uv_async"};

/// What the calls of the turn, and the handler, do to it.
struct tally {
  std::atomic<int> ran{0};
  std::atomic<int> nested_ran{0};
  std::atomic<bool> handled{false};
  status told = status::accepted;
};

/// What a handler does on the loop's thread.
struct loop_handler {
  const char* name;
  status (*run)(bridge& b, loopbridge::reentrant_call& fired, tally& t);
  int runs;  ///< how often the handler's callable runs for it
  status expected = status::accepted;
  bool stops = false;

  bool done(const bridge& b, const tally& t) const {
    return stops ? b.stopped() : t.nested_ran == runs;
  }
};
constexpr loop_handler handlers[] = {
    {"submits",
     [](bridge& b, loopbridge::reentrant_call&, tally& t) {
       return b.post_reentrant([](tally* u) { ++u->nested_ran; }, &t);
     },
     1},
    {"submits, prepaid",
     [](bridge&, loopbridge::reentrant_call& fired, tally&) { return fired.post(); }, 1},
};
/// Not on adopted loops, where only a turn that has begun shows which thread is the loop's.
constexpr loop_handler waits{
    "waits, is refused",
    [](bridge&, loopbridge::reentrant_call& fired, tally&) { return fired.call_for(patience); }, 0,
    status::would_deadlock};

/// A thread that is asleep in a call() when this has been made.
class answered_thread {
 public:
  explicit answered_thread(bridge& b)
      : thread_([this, &b]() noexcept {
          state_.emplace();
          known_ = true;
          b.call([] {});
        }) {
    while (!known_ || !state_->is_asleep()) std::this_thread::yield();
  }
  ~answered_thread() { thread_.join(); }
  answered_thread(const answered_thread&) = delete;
  answered_thread& operator=(const answered_thread&) = delete;

 private:
  std::optional<thread_state> state_;
  std::atomic<bool> known_{false};
  std::thread thread_;
};

constexpr loop_handler stops{"stops",
                             [](bridge& b, loopbridge::reentrant_call&, tally&) {
                               b.stop_reentrant();
                               return status::accepted;
                             },
                             0, status::accepted, true};

template <class Condition>
bool comes_true(Condition&& condition) {
  const auto until = steady_clock::now() + patience;
  while (!condition()) {
    if (steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// One of each kind of call, queued. The deferred's is resolved by a later call of the same turn.
class mixed_calls {
 public:
  void submit(bridge& b, loopbridge::reentrant_call& own, tally& t) {
    b.post([&t] { ++t.ran; });
    submitted_ = b.submit([&t] { return ++t.ran; });
    deferred_ = b.submit([this] {
      done_.emplace();
      return done_->get_deferred();
    });
    cancelled_ = b.submit([&t] { t.ran += 100; });
    cancelled_->cancel();
    b.post([this] { done_->resolve(7); });
    (void)own.post();
    (void)b.post_reentrant([](tally* u) { ++u->ran; }, &t);
    (void)b.submit([&t] { ++t.ran; });  // its handle is gone before it runs
  }
  static constexpr int runs = 5;
  bool all_answered() { return submitted_->ready() && deferred_->ready() && deferred_->get() == 7; }

 private:
  std::optional<loopbridge::eventual<int>> submitted_;
  std::optional<loopbridge::eventual<int>> deferred_;
  std::optional<loopbridge::eventual<void>> cancelled_;
  std::optional<loopbridge::completer<int>> done_;
};

void print_and_check(const std::string& scenario, const report& r) {
  print(scenario, r);
  CAPTURE(scenario);
  CHECK(r.points > 300);
  CHECK(r.lost == 0);
  CHECK(r.doubled == 0);
  CHECK(r.hung == 0);
  CHECK(r.refused == 0);
}

void judge(report& r, const tally& t, bool visited, int nested_runs) {
  if (t.ran < mixed_calls::runs) ++r.lost;
  if (t.ran > mixed_calls::runs) ++r.doubled;
  if (t.nested_ran < (visited ? nested_runs : 0)) ++r.lost;
  if (t.nested_ran > nested_runs) ++r.doubled;
}

/// A bridge's own thread, from inside a callable, through the rest of that turn, a sleep and a
/// wake-up, into a callable of the next turn; or to the thread's end, if the handler stops it.
class own_loop {
 public:
  explicit own_loop(doorbell kind)
      : bridge_(loopbridge::options{.doorbell = kind, .on_thread_exit = [this] { finish(); }}) {
    bridge_.call([this] { loop_thread_.emplace(); });
  }

  bool visit(const boundary& at, const loop_handler& h, report& r) {
    return turn(
        h, [&](interruption& i) { return i.start(at); }, r);
  }
  path way() {
    report unused;
    turn(
        handlers[0], [](interruption& i) { return (i.start_recording(), true); }, unused);
    return recorded();
  }

 private:
  template <class Start>
  bool turn(const loop_handler& h, Start&& start, report& r) {
    tally& t = *(tally_ = std::make_unique<tally>());
    expect_progress("the loop's thread");
    const auto nested = [&] {
      t.told = h.run(bridge_, fired_, t);
      t.handled = true;
    };
    interruption step(nested);
    mixed_calls calls;
    std::atomic<bool> queued{false};
    std::atomic<bool> started{false};
    visited_ = finished_ = false;
    bridge_.post([&] {  // holds the loop until all is queued that this turn shall run
      while (!queued) std::this_thread::yield();
    });
    bridge_.post([&] {
      if (start(step)) step_ = &step;
      started = true;
    });
    calls.submit(bridge_, own_, t);
    {
      const answered_thread caller(bridge_);  // waits for an answer in that turn
      queued = true;
      // Nobody else wakes the loop while the handler's call waits: it must see to that itself.
      if (!comes_true([&] { return started && (t.handled ? h.done(bridge_, t) : is_asleep()); })) {
        ++r.hung;
      }
    }
    if (bridge_.try_post([this] { finish(); }) != status::accepted) bridge_.stop();
    if (!comes_true([&] { return finished_ && (!t.handled || h.done(bridge_, t)); })) ++r.hung;
    if (bridge_.stopped()) {
      bridge_.stop();
    } else {
      bridge_.call_for(patience, [] {});
    }
    if (!calls.all_answered()) ++r.lost;
    judge(r, t, visited_, h.runs);
    if (visited_ && t.told != h.expected) ++r.refused;
    if (visited_) ++r.points;
    return visited_;
  }

  bool is_asleep() const { return loop_thread_->is_asleep(); }
  /// On the loop's thread, at the latest when that ends.
  void finish() {
    if (step_ != nullptr) visited_ = std::exchange(step_, nullptr)->finish();
    finished_ = true;
  }

  std::unique_ptr<tally> tally_ = std::make_unique<tally>();
  interruption* step_ = nullptr;  ///< loop's thread
  std::atomic<bool> visited_{false};
  std::atomic<bool> finished_{false};
  std::optional<thread_state> loop_thread_;
  bridge bridge_;
  loopbridge::reentrant_call fired_{
      bridge_, [this](std::uint64_t n) { tally_->nested_ran += static_cast<int>(n); }};
  loopbridge::reentrant_call own_{bridge_,
                                  [this](std::uint64_t n) { tally_->ran += static_cast<int>(n); }};
};

}  // namespace

TEST_CASE("a bridge's own thread may be interrupted anywhere in a turn" *
          doctest::skip(!available)) {
  for (const auto kind : {doorbell::self_pipe, doorbell::uv_async}) {
    std::optional<own_loop> loop(std::in_place, kind);
    loop->way();  // first uses
    const path way = loop->way();
    for (const loop_handler* const h : {&handlers[0], &handlers[1], &waits, &stops}) {
      report r;
      const auto visit = [&](const boundary& at) {
        if (h->stops) loop.emplace(kind);
        return loop->visit(at, *h, r);
      };
      for_each_boundary(r, way, {.all_up_to = 5000}, visit, [&] { return r.hung >= 3; });
      print_and_check(std::string("a turn of the bridge's thread, ") +
                          names[kind == doorbell::uv_async] + ", handler " + h->name,
                      r);
    }
  }
}

TEST_CASE("an adopted loop may be interrupted anywhere in a turn, also by its embedder" *
          doctest::skip(!available)) {
  for (const auto kind : {doorbell::self_pipe, doorbell::uv_async}) {
    support::app_loop app;
    std::optional<bridge> b(bridge::adopt(&app.loop, loopbridge::options{.doorbell = kind}));
    std::unique_ptr<tally> t;
    loopbridge::reentrant_call fired(
        *b, [&](std::uint64_t n) { t->nested_ran += static_cast<int>(n); });
    loopbridge::reentrant_call own(*b, [&](std::uint64_t n) { t->ran += static_cast<int>(n); });
    app.keep_alive();
    const auto turns = [&]() __attribute__((noinline)) {
      // Runs the calls; then what these have left to do; then finds nothing, and would sleep.
      for (int i = 0; i < 3; ++i) uv_run(&app.loop, UV_RUN_NOWAIT);
    };
    // Would a program that sleeps on the loop's descriptor, or asks how long it may, be woken?
    const auto would_be_woken = [&] {
      pollfd fd{uv_backend_fd(&app.loop), POLLIN, 0};
      return uv_backend_timeout(&app.loop) == 0 || poll(&fd, 1, 0) == 1;
    };
    const auto visit = [&](const boundary* at, const loop_handler& h, report& r) {
      t = std::make_unique<tally>();
      expect_progress("an adopted loop");
      while (would_be_woken()) uv_run(&app.loop, UV_RUN_NOWAIT);
      mixed_calls calls;
      calls.submit(*b, own, *t);
      const auto nested = [&] { t->told = h.run(*b, fired, *t); };
      bool visited = false;
      if (at != nullptr) {
        visited = interrupt_at(*at, turns, nested);
      } else {
        (void)path_of(turns);
      }
      for (int i = 0; i < 10 && t->nested_ran < (visited ? h.runs : 0); ++i) {
        if (!would_be_woken()) ++r.hung;
        uv_run(&app.loop, UV_RUN_NOWAIT);
      }
      if (at != nullptr && !visited) turns();  // at an unreachable boundary it was not run
      if (!calls.all_answered()) ++r.lost;
      judge(r, *t, visited, h.runs);
      if (visited && t->told != h.expected) ++r.refused;
      if (visited) ++r.points;
      return visited;
    };
    for (const loop_handler& h : handlers) {
      report r;
      visit(nullptr, h, r);
      visit(nullptr, h, r);
      for_each_boundary(
          r, recorded(), {.all_up_to = 5000}, [&](const boundary& at) { return visit(&at, h, r); },
          [&] { return r.hung >= 3; });
      print_and_check(std::string("a turn of an adopted loop, ") +
                          names[kind == doorbell::uv_async] + ", handler " + h.name,
                      r);
    }
    b.reset();
    app.let_go();
  }
}
