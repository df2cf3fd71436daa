#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>

#include "loopbridge/bridge.hpp"
#include "loopbridge/options.hpp"
#include "support/watchdog.hpp"

namespace support {

/// Memory runs out, once, on every thread that is not spared. `armed` begins it; then `left`
/// allocations succeed before one does not.
///
/// To be included by one file of a test: it replaces operator new.
struct no_memory {
  static inline thread_local bool is_spared = false;
  static inline std::atomic<bool> armed{false};
  static inline std::atomic<int> left{0};

  /// Calls `f` with an allocation that fails after `successes` others, and says whether there were
  /// that many.
  template <class F>
  static bool after(int successes, F&& f) {
    left = successes;
    armed = true;
    f();
    armed = false;
    return left < 0;
  }

  static bool refuses() noexcept { return armed && !is_spared && left-- == 0; }
};

/// Calls `round(bridge, n)` for n = 0, 1, ..., each time with a bridge of its own, until it returns
/// false: there were not n allocations to let one fail after. The calling thread is spared.
template <class Round>
void fail_each_allocation(Round&& round) {
  no_memory::is_spared = true;
  bool has_failed = true;
  int n = 0;
  for (; has_failed; ++n) {
    CAPTURE(n);
    const watchdog dog;
    loopbridge::bridge b({.on_unhandled_error = [](const loopbridge::unhandled_error&) {}});
    has_failed = round(b, n);
  }
  CHECK(n > 10);  // it has come to where there is memory for all
}

/// What the client's user does. It may fail, as there may be no memory for it.
template <class F>
void try_to(F&& f) {
  try {
    f();
  } catch (const std::exception&) {
  }
}

}  // namespace support

void* operator new(std::size_t size) {
  void* const block = support::no_memory::refuses() ? nullptr : std::malloc(size != 0 ? size : 1);
  return block != nullptr ? block : throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
