#pragma once

#include <uv.h>

#include <utility>

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

}  // namespace loopbridge::detail
