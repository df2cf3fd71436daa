#pragma once

#include <pthread.h>

#include <bit>
#include <cstdint>

// Included by platform.hpp, which says what this does. It is asked so often that a call more is
// felt.
namespace loopbridge::detail::platform {

static_assert(sizeof(pthread_t) == sizeof(thread_id));

inline thread_id this_thread() noexcept {
  return std::bit_cast<thread_id>(pthread_self());
}

}  // namespace loopbridge::detail::platform
