#pragma once

#include "loopbridge/detail/loop/loop_core.hpp"

// options::stop_at_thread_end.
namespace loopbridge::detail {

/// Makes room for one more of the calling thread's, so that the next call cannot fail. Throws
/// std::bad_alloc.
void reserve_stop_at_thread_end();
/// `core` is stopped when the calling thread ends.
void stop_at_thread_end(loop_core& core) noexcept;

}  // namespace loopbridge::detail
