#pragma once

#include <cstdint>

/// The part of src/platform/platform.hpp that the headers need. No header of the system's comes
/// along: functions of libloopbridge, each a call.
namespace loopbridge::detail::platform {

/// Names a thread as long as it runs; later another thread may have the same. 0: none.
using thread_id = std::uintptr_t;

// Any thread, any handler; errno is kept.

/// The CPU that the caller runs on, or ran on a moment ago; -1: unknown.
int current_cpu() noexcept;
/// Lets another thread have this CPU.
void yield_cpu() noexcept;
/// For a loop that looks at memory again and again: makes it easier for the CPU's other half.
void pause_cpu() noexcept;

}  // namespace loopbridge::detail::platform
