#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>

#include "sweep.hpp"

/// What a loop's thread does in the turns that are stepped, and what its handlers do there.
namespace stepping {

/// What the calls of the turn, and the handler, do to it.
struct tally {
  std::atomic<int> ran{0};
  std::atomic<int> nested_ran{0};
  std::atomic<bool> handled{false};
  loopbridge::status told = loopbridge::status::accepted;
};

/// What a handler does on the loop's thread.
struct loop_handler {
  const char* name;
  loopbridge::status (*run)(loopbridge::bridge& b, loopbridge::reentrant_call& fired, tally& t);
  int runs;  ///< how often the handler's callable runs for it
  loopbridge::status expected = loopbridge::status::accepted;
  bool stops = false;

  bool done(const loopbridge::bridge& b, const tally& t) const {
    return stops ? b.stop_requested() : t.nested_ran == runs;
  }
};
inline constexpr loop_handler handlers[] = {
    {"submits",
     [](loopbridge::bridge& b, loopbridge::reentrant_call&, tally& t) {
       return b.post_reentrant([](tally* u) { ++u->nested_ran; }, &t);
     },
     1},
    {"submits, prepaid",
     [](loopbridge::bridge&, loopbridge::reentrant_call& fired, tally&) { return fired.post(); },
     1},
};

/// One of each kind of call, queued. The deferred's is resolved by a later call of the same turn.
class mixed_calls {
 public:
  void submit(loopbridge::bridge& b, loopbridge::reentrant_call& own, tally& t) {
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

inline const char* name_of(loopbridge::doorbell kind) {
  return kind == loopbridge::doorbell::wakeup_fd ? "wakeup_fd" : "uv_async";
}

inline void print_and_check(const std::string& scenario, const report& r) {
  print(scenario, r);
  CAPTURE(scenario);
  CHECK(r.points > 300);
  CHECK(r.lost == 0);
  CHECK(r.doubled == 0);
  CHECK(r.hung == 0);
  CHECK(r.refused == 0);
}

inline void judge(report& r, const tally& t, bool visited, int nested_runs) {
  if (t.ran < mixed_calls::runs) ++r.lost;
  if (t.ran > mixed_calls::runs) ++r.doubled;
  if (t.nested_ran < (visited ? nested_runs : 0)) ++r.lost;
  if (t.nested_ran > nested_runs) ++r.doubled;
}

}  // namespace stepping
