#pragma once

#include <concepts>
#include <type_traits>

struct uv_loop_s;

namespace loopbridge {

/// The loop, on its own thread: the first parameter of a callable that wants it.
///
/// libuv's functions, uv_async_send apart, may only be called on the loop's thread. This parameter
/// is the only public way to a bridge's loop, so the type says where code may run. It converts to
/// uv_loop_t* (and const uv_loop_t*), and to nothing else that such a pointer converts to (bool,
/// void*). It is good while the callable runs. A handle that was made with it has `handle->loop`
/// for later callbacks.
class loop_ref {
 public:
  explicit constexpr loop_ref(uv_loop_s* loop) noexcept : loop_(loop) {}

  constexpr uv_loop_s* get() const noexcept { return loop_; }
  /// Of uv_loop_s, which may be const. A template, because after the conversion to exactly this
  /// type no other may follow.
  template <class Loop>
    requires std::same_as<std::remove_const_t<Loop>, uv_loop_s>
  constexpr operator Loop*() const noexcept {  // NOLINT: implicit
    return loop_;
  }

 private:
  uv_loop_s* loop_;
};

}  // namespace loopbridge
