#pragma once

#include <chrono>
#include <source_location>
#include <string_view>
#include <utility>

#include "loopbridge/clients/request_error.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/uv/owned.hpp"

namespace loopbridge::clients {

/// Has `f` begin a request on the loop that ends within `timeout`, and waits for it a little
/// longer: the client's own deadline comes first, whose error says more.
///
/// Throws   what the request ends with; `request_timed_out` also where the loop is held up, so that
///          the caller's wait ends first. Outcome::not_sent: `f` has not begun, and never will
template <class H, class F>
auto call_in_time(owned<H>& on, std::chrono::nanoseconds timeout, std::string_view peer, F&& f,
                  std::source_location where) {
  constexpr std::chrono::milliseconds more{20};
  const auto since = std::chrono::steady_clock::now();
  try {
    return on.call_for(timeout < loopbridge::detail::for_ever - more ? timeout + more
                                                                     : loopbridge::detail::for_ever,
                       std::forward<F>(f), where);
  } catch (const loopbridge::detail::call_timed_out& late) {
    const bool full = late.what_was_missing == loopbridge::detail::missing::room;
    throw request_timed_out(late.has_begun() ? outcome::unknown : outcome::not_sent, peer,
                            late.has_begun() ? phase::waiting : phase::queued,
                            std::chrono::steady_clock::now() - since,
                            full ? "timed out, as the bridge was full"
                                 : "timed out, as the loop was late (does a callback block it?)");
  }
}

}  // namespace loopbridge::clients
