#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/detail/sync/process_mark.hpp"

namespace loopbridge::detail {

class interrupt_flag;

/// Sleeps until `word` is no longer `expected`, or the deadline; may return early. False: this is
/// not `process`, but a child forked out of it, where nobody will wake the caller. A raw futex on
/// Linux: no lock, no allocation, no cancellation point, errno kept. Any thread, any handler.
///
/// A fork is seen whenever it comes. A handler that runs in the sleep may fork, and return to the
/// sleep in the child; the kernel resumes it then (SA_RESTART), but first compares the word that is
/// slept on: it is in the page that is wiped in a child. So no timer has to end the sleep now and
/// then, and none has to be set up and taken down in each wait: a tenth of a call.
///
/// `by`, if there is one, ends it early, too.
bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline until,
                const process_mark& process, const interrupt_flag* by = nullptr) noexcept;

/// Wakes all sleepers of `word`, using its address only: the word itself may be gone already. After
/// it was changed. Some process_mark has been made before.
void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept;

/// Wakes all sleepers of a parking lot, as futex_wake_all() does.
void futex_wake_lot(std::size_t number) noexcept;

}  // namespace loopbridge::detail
