#pragma once

#include <chrono>

#include "loopbridge/detail/sync/deadline.hpp"

namespace loopbridge::clients {

/// How long a caller waits for a request of so long: a little longer, so that the client's own
/// deadline comes first, whose error says more. The caller's counts where the loop is held up.
inline std::chrono::nanoseconds waiting_for(std::chrono::nanoseconds timeout) noexcept {
  constexpr std::chrono::milliseconds more{20};
  return timeout < loopbridge::detail::for_ever - more ? timeout + more
                                                       : loopbridge::detail::for_ever;
}

}  // namespace loopbridge::clients
