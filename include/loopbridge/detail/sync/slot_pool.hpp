#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <new>
#include <vector>

namespace loopbridge::detail {

/// Which of up to 64 slots are in use: claimed and released without locks or allocation, by any
/// thread and any handler, also one that interrupts a claim or a release.
///
/// A bitmap, not a list of free slots: popping from a list is open to ABA even on one thread (a
/// handler inside the pop takes two and puts back the first), while here the whole truth is in the
/// bits that the CAS compares.
///
/// Home of `used_`: bit i is set while slot i is claimed, or does not exist. Set by claim() with
/// acquire, cleared by release() with release: a claimer sees the slot as the last user left it.
/// (Claims and releases of other slots in between continue the release sequence.)
class slot_bits {
 public:
  static constexpr unsigned none = 64;

  explicit slot_bits(unsigned count = 64) noexcept
      : used_(count < 64 ? ~std::uint64_t{0} << count : 0) {}

  /// The index of a slot that is now the caller's, or `none`.
  unsigned claim() noexcept {
    std::uint64_t bits = used_.load(std::memory_order_relaxed);
    while (~bits != 0) {
      const std::uint64_t lowest_free = ~bits & (bits + 1);
      if (used_.compare_exchange_weak(bits, bits | lowest_free,
                                      std::memory_order_acquire,  // pairs with release()
                                      std::memory_order_relaxed)) {
        return static_cast<unsigned>(std::countr_zero(lowest_free));
      }
    }
    return none;
  }

  void release(unsigned index) noexcept {
    used_.fetch_and(~(std::uint64_t{1} << index), std::memory_order_release);  // pairs with claim()
  }

 private:
  std::atomic<std::uint64_t> used_;
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

/// A fixed number of slots behind such bits.
template <class Slot>
class slot_pool {
 public:
  /// At least `count` slots (rounded up to 64), in `memory` or, where that is null, on the heap.
  /// Throws std::bad_alloc, also for more than any memory holds.
  explicit slot_pool(std::size_t count, std::pmr::memory_resource* memory = nullptr)
      : words_(words_for(count)),
        used_(new slot_bits[words_]),
        slots_(words_ * 64, memory != nullptr ? memory : std::pmr::new_delete_resource()) {}

  std::size_t size() const noexcept { return words_ * 64; }

  /// A slot of the caller's own, or null if all are in use.
  Slot* claim() noexcept {
    for (std::size_t w = 0; w < words_; ++w) {
      if (const unsigned bit = used_[w].claim(); bit != slot_bits::none)
        return slots_.data() + (w * 64 + bit);
    }
    return nullptr;
  }

  void release(Slot& slot) noexcept {
    const auto index = static_cast<std::size_t>(&slot - slots_.data());
    used_[index / 64].release(index % 64);
  }

 private:
  static std::size_t words_for(std::size_t count) {
    const std::size_t words = count / 64 + (count % 64 != 0 ? 1 : 0);
    // Asked here, because the products above would wrap, and a pool of no slots come of it.
    if (words > std::size_t{PTRDIFF_MAX} / (64 * sizeof(Slot))) throw std::bad_array_new_length();
    return words;
  }

  const std::size_t words_;
  const std::unique_ptr<slot_bits[]> used_;
  std::pmr::vector<Slot> slots_;  ///< never resized: slots do not move
};

}  // namespace loopbridge::detail
