#pragma once

#include <uv.h>

#include <utility>

#include "loopbridge/detail/call/blocks.hpp"

namespace loopbridge::detail {

/// Closes a handle of ours, unless the program has: uv_walk() shows it all handles, and to close
/// them all is how many programs end a loop. Loop thread, once for each handle.
///
/// `closed` is called when libuv is done with the handle, so that its memory may go: at once, if it
/// is already. It replaces a callback of the program's that is still to come; that one is left in
/// `theirs`, for `closed` to call.
///
/// (No public function says whether libuv is done, or gives a closing handle another callback. But
/// both members are part of libuv's ABI.)
inline void close_own(uv_handle_t* handle, uv_close_cb& theirs, uv_close_cb closed) noexcept {
  constexpr unsigned is_done = 2;  // UV_HANDLE_CLOSED
  if (uv_is_closing(handle) == 0) return uv_close(handle, closed);
  if ((handle->flags & is_done) != 0) return closed(handle);
  theirs = std::exchange(handle->close_cb, closed);
}

/// The same for an `Own`, which derives from the handle, has a member `theirs`, and is in a block
/// of its own, because libuv may keep it longer than what it is for: gives the block back.
template <class Handle, class Own>
void close_own_block(Own& own) noexcept {
  Handle* const handle = &own;
  close_own(reinterpret_cast<uv_handle_t*>(handle), own.theirs, [](uv_handle_t* h) {
    auto* const closed = static_cast<Own*>(reinterpret_cast<Handle*>(h));
    if (closed->theirs != nullptr) closed->theirs(h);
    destroy_in_block(closed, nullptr);
  });
}

}  // namespace loopbridge::detail
