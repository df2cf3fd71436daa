#pragma once

// Replaces the global operator new and delete, and libuv's allocator, by ones that count and fail
// on request. To be included by one file of an executable.

#include <uv.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace support::memory {

/// Blocks that were handed out and have not come back.
inline std::atomic<long> outstanding{0};

namespace detail {
inline std::atomic<bool> armed{false};
inline std::atomic<bool> for_good{false};
inline std::atomic<long> first{0};
inline std::atomic<long> asked{0};
inline std::atomic<long> refused{0};

inline bool refuses() noexcept {
  if (!armed.load()) return false;
  const long n = ++asked;
  if (n < first || (n > first && !for_good)) return false;
  ++refused;
  return true;
}
inline void* counted(void* block) noexcept {
  if (block != nullptr) ++outstanding;
  return block;
}
inline void* take(std::size_t size) noexcept {
  return refuses() ? nullptr : counted(std::malloc(size != 0 ? size : 1));
}
inline void* take_aligned(std::size_t size, std::align_val_t a) noexcept {
  const auto alignment = static_cast<std::size_t>(a);
  if (refuses()) return nullptr;
  return counted(std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment));
}
inline void give_back(void* block) noexcept {
  if (block != nullptr) --outstanding;
  std::free(block);
}
inline void* or_throw(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
}  // namespace detail

/// From now on the n-th allocation, by any thread, fails; and, `for_good`, all after it.
inline void fail(long n, bool for_good) {
  detail::for_good = for_good;
  detail::first = n;
  detail::asked = 0;
  detail::refused = 0;
  detail::armed = true;
}
/// All succeed again. True: one has failed.
inline bool recover() {
  detail::armed = false;
  return detail::refused != 0;
}

/// libuv: its realloc is never refused here, because it ends the process then (see the test).
inline const int libuv_uses_it = uv_replace_allocator(
    detail::take,
    [](void* block, std::size_t size) -> void* {
      if (block == nullptr) ++outstanding;
      return std::realloc(block, size);
    },
    [](std::size_t n, std::size_t size) -> void* {
      return detail::refuses() ? nullptr : detail::counted(std::calloc(n, size));
    },
    detail::give_back);

}  // namespace support::memory

void* operator new(std::size_t size) {
  return support::memory::detail::or_throw(support::memory::detail::take(size));
}
void* operator new[](std::size_t size) {
  return support::memory::detail::or_throw(support::memory::detail::take(size));
}
void* operator new(std::size_t size, std::align_val_t a) {
  return support::memory::detail::or_throw(support::memory::detail::take_aligned(size, a));
}
void* operator new[](std::size_t size, std::align_val_t a) {
  return support::memory::detail::or_throw(support::memory::detail::take_aligned(size, a));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return support::memory::detail::take(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return support::memory::detail::take(size);
}
void operator delete(void* block) noexcept {
  support::memory::detail::give_back(block);
}
void operator delete[](void* block) noexcept {
  support::memory::detail::give_back(block);
}
void operator delete(void* block, std::size_t) noexcept {
  support::memory::detail::give_back(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  support::memory::detail::give_back(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  support::memory::detail::give_back(block);
}
void operator delete[](void* block, std::align_val_t) noexcept {
  support::memory::detail::give_back(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  support::memory::detail::give_back(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  support::memory::detail::give_back(block);
}
