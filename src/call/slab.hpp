#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

/// The slabs that blocks are cut from, and their way from thread to thread. What one thread holds
/// of them, and how it hands them out, is in blocks.cpp.
namespace loopbridge::detail {

/// Sizes of blocks: 48 bytes, for a posted call whose closure has up to 24; then a cache line and
/// its doubles. (A submitted call, which also has a result and a waiter, needs two lines.)
///
/// Blocks are handed out in the order of memory, so it does no harm that one of 48 bytes may lie in
/// two lines: three of them take less of the caches than three lines.
inline constexpr std::size_t smallest_block = 48;
inline constexpr std::size_t largest_block = 8192;

constexpr std::size_t class_of(std::size_t size) noexcept {
  return size <= smallest_block
             ? 0
             : 1 + static_cast<std::size_t>(std::bit_width((size - 1) / std::size_t{64}));
}
constexpr std::size_t size_of_class(std::size_t c) noexcept {
  return c == 0 ? smallest_block : std::size_t{32} << c;
}
inline constexpr std::size_t block_classes = class_of(largest_block) + 1;

/// Blocks come from slabs: a piece of memory, aligned to its size, whose blocks are handed out in
/// order, once each, and which is used again, or freed, when all of them are back.
///
/// So calls lie in memory in the order in which they were posted. That is what makes a loop fast
/// that lags behind, as it does whenever it has lost its CPU: its calls have left the caches by
/// then, and lists of single free blocks scatter them over all pages that were ever in use.
inline constexpr std::size_t smallest_slab = std::size_t{65536};
constexpr std::size_t slab_bytes(std::size_t c) noexcept {
  return std::max(smallest_slab, 8 * size_of_class(c));
}
/// One less than there is room for: the first block's room is the header's.
constexpr std::uint32_t blocks_in_slab(std::size_t c) noexcept {
  return static_cast<std::uint32_t>(slab_bytes(c) / size_of_class(c) - 1);
}

/// The header of a slab.
///
/// Home of `released`, the count of blocks that are back. Set to 0 by the thread that begins to
/// hand the slab out. Releasing threads add with acq_rel: the one that completes it has seen the
/// last use of every block, and so has the thread that takes the slab from the central_list.
struct slab {
  std::atomic<std::uint32_t> released{0};
  slab* next = nullptr;  ///< in a list of empty slabs
};
static_assert(sizeof(slab) <= smallest_block);

inline slab* slab_of(void* block, std::size_t c) noexcept {
  const auto offset = reinterpret_cast<std::uintptr_t>(block) & (slab_bytes(c) - 1);
  return reinterpret_cast<slab*>(static_cast<std::byte*>(block) - offset);
}
inline slab* new_slab(std::size_t c) {
  return ::new (::operator new(slab_bytes(c), std::align_val_t{slab_bytes(c)})) slab;
}
inline void free_slab(slab* s, std::size_t c) noexcept {
  ::operator delete(s, std::align_val_t{slab_bytes(c)});
}

/// Empty slabs on their way from the threads that release (the loops) to those that allocate.
///
/// Home of `slabs_`: a stack. put() pushes with release; take_all() takes everything with acquire,
/// so there is no ABA. Never destroyed: threads release blocks while the program exits.
class central_list {
 public:
  void put(slab* first, slab* last) noexcept {
    slab* head = slabs_.load(std::memory_order_relaxed);
    do {
      last->next = head;
      // release: the links; pairs with take_all().
    } while (!slabs_.compare_exchange_weak(head, first, std::memory_order_release,
                                           std::memory_order_relaxed));
  }
  bool has_any() const noexcept { return slabs_.load(std::memory_order_relaxed) != nullptr; }
  slab* take_all() noexcept {
    if (!has_any()) return nullptr;  // relaxed: what it misses is found the next time
    return slabs_.exchange(nullptr, std::memory_order_acquire);  // pairs with put()
  }

 private:
  alignas(64) std::atomic<slab*> slabs_{nullptr};
};

}  // namespace loopbridge::detail
