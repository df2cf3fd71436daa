#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "loopbridge/uv/timer.hpp"

namespace loopbridge::clients {

/// The deadlines of a client's requests, on one timer of the loop.
///
/// Entries leave by themselves when their time comes, and by drop() when the request has ended.
/// Both take logarithmic time. Thread: the loop's. `expired` must not destroy this.
template <class Request>
class deadlines {
  using clock = std::chrono::steady_clock;
  using entries = std::multimap<clock::time_point, Request*>;

 public:
  using entry = typename entries::iterator;

  /// `expired(Request&)` is called for each whose time has come, after its entry has left. It may
  /// add and drop entries
  template <class Expired>
  deadlines(loop_ref loop, Expired expired)
      : timer_(loop, [this, on_expired = std::move(expired)]() mutable {
          armed_ = (clock::time_point::max)();
          const auto now = clock::now();
          while (!entries_.empty() && entries_.begin()->first <= now) {
            Request* const late = entries_.begin()->second;
            entries_.erase(entries_.begin());
            on_expired(*late);
          }
          if (!entries_.empty()) arm(entries_.begin()->first);
        }) {}

  entry add(clock::time_point due, Request& request) {
    if (due < armed_) arm(due);
    return entries_.emplace(due, &request);
  }
  void drop(entry which) { entries_.erase(which); }

 private:
  void arm(clock::time_point due) {
    timer_.start((std::max)(due - clock::now(), clock::duration::zero()));
    armed_ = due;
  }

  entries entries_;
  /// When the timer will fire, which may be for an entry that has left: a request that is answered
  /// costs the loop's timers nothing.
  clock::time_point armed_ = (clock::time_point::max)();
  timer timer_;
};

}  // namespace loopbridge::clients
