#pragma once

#include <utility>

#include "loopbridge/detail/loop/owned_object.hpp"
#include "sync/intrusive_list.hpp"

namespace loopbridge::detail {

/// What a bridge's end has to end, the last that came first: functions given to at_stop(), and the
/// objects of owned<H>. Loop thread.
///
/// Functions come from any thread, by a list that only grows, and objects may go at any time. So
/// each object has the functions that came before it, and after the next older object; when it
/// goes, the next younger one gets them.
class stop_register {
 public:
  explicit stop_register(submission_list<operation>& functions) noexcept : list_(functions) {}

  void add(owned_object& o) noexcept {
    o.functions = latest();
    link_first(youngest_, o);
  }

  void remove(owned_object& o) noexcept {
    batch& younger = o.previous != nullptr ? o.previous->functions : latest_;
    o.functions.append(younger);
    younger = std::exchange(o.functions, {});
    unlink(youngest_, o);
  }

  void end_all(loop_core& core) noexcept {
    list_.close();
    run_last_first(latest(), core);
    while (owned_object* const o = youngest_) {
      const batch before = std::exchange(o->functions, {});
      o->end_object();  // which removes it
      run_last_first(before, core);
    }
  }

  /// Functions that are left when the loop does not turn any more.
  batch never_run() noexcept { return latest(); }

 private:
  /// Those that came after the youngest object.
  batch latest() noexcept {
    batch all = std::exchange(latest_, {});
    all.append(list_.take());
    return all;
  }

  static void run_last_first(batch in_order, loop_core& core) noexcept {
    operation* last = nullptr;
    while (operation* const n = in_order.pop()) {
      n->next = last;
      last = n;
    }
    while (last != nullptr) {
      operation* const before = last->next;  // read before it runs, which frees it
      (void)last->run(core);                 // of at_stop(): nobody waits for it
      last = before;
    }
  }

  submission_list<operation>& list_;
  batch latest_;  ///< taken off the list already
  owned_object* youngest_ = nullptr;
};

}  // namespace loopbridge::detail
