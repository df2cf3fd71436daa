#pragma once

#include <uv.h>

#include "loop/doorbell.hpp"

namespace loopbridge::detail {

class loop_core;

/// The uv handles that a bridge has on its loop: the doorbell's, one before and one after the poll,
/// and one that keeps the poll from blocking. They hold the core, until libuv is done with the last
/// of them. Loop thread, or before the loop runs.
class loop_handles {
 public:
  /// Called with the core.
  using callback = void (*)(loop_core&) noexcept;

  loop_handles(loop_core& core, doorbell_base& doorbell) noexcept
      : core_(core), doorbell_(doorbell) {}

  /// Opens them all, and holds the core. 0, or a uv error of the doorbell's.
  int open(uv_loop_t* loop, bool adopted, callback before_poll, callback after_poll) noexcept;
  /// Keeps the poll from blocking, and an adopted loop alive, while there is work.
  void keep_awake(bool awake) noexcept;
  /// Once; later calls do nothing.
  void close() noexcept;
  bool are_open() const noexcept { return are_open_; }
  /// Has a uv_walk() of the program's closed the handles that the bridge needs? That is a stop.
  bool closed_by_the_program() const noexcept;

  /// A bridge's that has its handles on `loop`; null: none has, any more. Loop thread. Looks at all
  /// handles of the loop.
  static loop_core* core_on(uv_loop_t* loop) noexcept;

 private:
  /// A handle of ours, and the callback of the program's that closed it: see close_own().
  template <class Handle>
  struct own : Handle {
    uv_close_cb theirs = nullptr;
    loop_handles* of = nullptr;
    callback run = nullptr;

    uv_handle_t* handle() noexcept { return reinterpret_cast<uv_handle_t*>(this); }
    const uv_handle_t* handle() const noexcept {
      return reinterpret_cast<const uv_handle_t*>(this);
    }
  };

  static void on_prepare(uv_prepare_t* h) noexcept;
  void is_closed(uv_close_cb theirs, uv_handle_t* h) noexcept;
  void close_doorbell() noexcept;
  template <class Handle>
  void close_one(own<Handle>& one) noexcept;

  loop_core& core_;
  doorbell_base& doorbell_;
  own<uv_prepare_t> prepare_{};
  own<uv_check_t> check_{};
  own<uv_idle_t> idle_{};  ///< active: there is work, so the poll must not block
  bool are_open_ = false;  ///< as far as we are concerned: see closed_by_the_program()
  unsigned left_ = 0;      ///< that libuv is not done with
};

}  // namespace loopbridge::detail
