#pragma once

#include <doctest/doctest.h>

#include <loopbridge/handlers/reentrant_queue.hpp>

#include "patience.hpp"

namespace loopbridge::detail {

/// What the tests of a queue see of it.
struct queue_access {
  /// A getter sleeps, or is about to, and nobody has woken it.
  template <class T>
  static bool has_sleeper(const reentrant_queue<T>& q) {
    const queue_base& base = q;
    return (base.word_.load() & 1) != 0;
  }
};

}  // namespace loopbridge::detail

namespace support {

template <class T>
bool has_sleeper(const loopbridge::reentrant_queue<T>& q) {
  return loopbridge::detail::queue_access::has_sleeper(q);
}
template <class T>
void until_getter_sleeps(const loopbridge::reentrant_queue<T>& q) {
  REQUIRE(comes_true([&] { return has_sleeper(q); }));
}

}  // namespace support
