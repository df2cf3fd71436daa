#include "loopbridge/detail/call/blocks.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "call/slab.hpp"
#include "platform/platform.hpp"
#include "sync/thread_end.hpp"

namespace loopbridge::detail {
namespace {

#if defined(__SANITIZE_ADDRESS__)
#define LOOPBRIDGE_PLAIN_BLOCKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LOOPBRIDGE_PLAIN_BLOCKS 1
#endif
#endif

#ifdef LOOPBRIDGE_PLAIN_BLOCKS
constexpr bool recycle = false;  // so that AddressSanitizer sees a block used after its release
#else
constexpr bool recycle = true;
#endif

constinit std::array<central_list, block_classes> central_lists;
/// Blocks too large to keep, each under a slab's header. Released ones wait here until the next
/// such block is asked for: the thread that releases them, mostly a loop's, must not enter free().
constinit central_list oversized;

void free_oversized() noexcept {
  for (slab* s = oversized.take_all(); s != nullptr;) ::operator delete(std::exchange(s, s->next));
}

void count_released(slab* s, std::size_t c, std::uint32_t blocks) noexcept {
  // acq_rel: see slab; pairs with count_released(), of the others.
  if (s->released.fetch_add(blocks, std::memory_order_acq_rel) + blocks == blocks_in_slab(c)) {
    central_lists[c].put(s, s);
  }
}

/// What one thread holds of one size.
struct thread_cache {
  std::byte* at = nullptr;  ///< the next block of the slab that is being handed out,
  std::byte* end = nullptr;
  slab* empty = nullptr;  ///< taken from the central_list, the latest first
  std::uint32_t empty_count = 0;
  std::uint32_t fewest_empty = 0;  ///< since the last trimming
  std::chrono::steady_clock::time_point trim_at{};
  /// Released blocks of one slab that are not counted yet: a loop mostly releases in the order of
  /// allocation, so this saves nearly all of the counting.
  slab* releasing = nullptr;
  std::uint32_t uncounted = 0;
};

using thread_caches = std::array<thread_cache, block_classes>;

// One word, trivial: reaching it takes no guard and, as initial-exec (see meson.build), no call of
// the dynamic linker, which costs more than all else here.
constinit thread_local thread_caches* own = nullptr;
/// Replaces the caches of a thread that has given back what it held: only its address is used.
constinit thread_caches gone{};

/// Empty slabs that a thread keeps for good: about 1 MB.
constexpr std::uint32_t kept_slabs(std::size_t c) noexcept {
  return static_cast<std::uint32_t>((std::size_t{1} << 20) / slab_bytes(c));
}

/// Gives back all that is on a thread's thread_caches when it ends. Not in a thread_local: see
/// thread_end.hpp, and all of the library's share the little room that there is for `own`.
struct kept_by_thread : at_thread_end {
  thread_caches held;

  kept_by_thread() noexcept {
    run = [](at_thread_end& self) noexcept {
      auto& ended = static_cast<kept_by_thread&>(self);
      ended.give_back();
      delete &ended;
    };
  }

  void give_back() noexcept {
    own = &gone;
    for (std::size_t c = 0; c < block_classes; ++c) {
      const thread_cache s = std::exchange(held[c], {});
      if (s.uncounted != 0) count_released(s.releasing, c, s.uncounted);
      if (s.at != s.end) {
        const auto left = static_cast<std::size_t>(s.end - s.at) / size_of_class(c);
        count_released(slab_of(s.at, c), c, static_cast<std::uint32_t>(left));
      }
      if (s.empty == nullptr) continue;
      slab* last = s.empty;
      for (std::uint32_t n = 1; n < kept_slabs(c) && last->next != nullptr; ++n) last = last->next;
      // More than that is freed: the next thread takes all that the central_list has, and those
      // that run beside it must make slabs of their own. With threads that end before they trim
      // anything, that would go on for ever.
      for (slab* left = std::exchange(last->next, nullptr); left != nullptr;) {
        free_slab(std::exchange(left, left->next), c);
      }
      central_lists[c].put(s.empty, last);
    }
  }
};

/// A burst must not cost its memory for ever: frees what was empty all the time since the last
/// trimming. What is empty just now is not freed: while a loop lags behind, all of it is wanted
/// again within milliseconds, and free() and malloc() make a post two to four times as expensive.
void trim(thread_cache& s, std::size_t c) noexcept {
  constexpr std::chrono::milliseconds interval{250};
  const auto now = std::chrono::steady_clock::now();
  if (now < s.trim_at) return;
  s.trim_at = now + interval;
  for (std::uint32_t n = std::exchange(s.fewest_empty, s.empty_count); n > kept_slabs(c); --n) {
    slab* const first = s.empty;
    s.empty = first->next;
    --s.empty_count;
    free_slab(first, c);
  }
  s.fewest_empty = s.empty_count;
}

/// Gives the thread_cache a slab to hand out: the one that was emptied last, for it is the warmest.
void next_slab(thread_cache& s, std::size_t c) {
  // Not even one of those handed out before is back: the loop lags behind. If that is because it
  // waits for this CPU, it gets it before memory grows. That keeps the queue short enough for the
  // caches, too: four producers are a fifth faster for it, and need a sixth of the memory.
  if (s.at != nullptr && s.empty == nullptr && !central_lists[c].has_any()) platform::yield_cpu();
  if (slab* const back = central_lists[c].take_all(); back != nullptr) {
    slab* last = back;
    for (++s.empty_count; last->next != nullptr; last = last->next) ++s.empty_count;
    last->next = std::exchange(s.empty, back);
  }
  if (s.empty_count > kept_slabs(c)) trim(s, c);
  slab* taken = s.empty;
  if (taken != nullptr) {
    s.empty = taken->next;
    --s.empty_count;
    s.fewest_empty = std::min(s.fewest_empty, s.empty_count);
    taken->released.store(0, std::memory_order_relaxed);  // nobody else knows it
  } else {
    s.fewest_empty = 0;
    taken = new_slab(c);
    if (s.at != s.end) {  // operator new ran a finalizer that posts, and so came here before us
      taken->next = std::exchange(s.empty, taken);
      ++s.empty_count;
      return;
    }
  }
  s.at = reinterpret_cast<std::byte*>(taken) + size_of_class(c);
  s.end = s.at + blocks_in_slab(c) * size_of_class(c);
}

}  // namespace

void prepare_blocks_of_this_thread() noexcept {
  if (own != nullptr) return;
  kept_by_thread* made;
  try {
    made = new kept_by_thread;
  } catch (...) {
    return;
  }
  if (own != nullptr) {  // operator new ran a finalizer that posts, and so came here before us
    delete made;
    return;
  }
  own = &made->held;
  if (run_at_thread_end(*made)) return;
  made->run(*made);  // nobody would give them back
}

void free_empty_slabs() noexcept {
  for (std::size_t c = 0; c < block_classes; ++c) {
    for (slab* s = central_lists[c].take_all(); s != nullptr;)
      free_slab(std::exchange(s, s->next), c);
  }
  free_oversized();
}

namespace {

// Rare cases are kept out of the two functions below, which each post goes through. A compiler that
// sees them there saves six registers before anything else: half of the time of these functions.

[[gnu::noinline]] void* allocate_slowly(std::size_t size, std::pmr::memory_resource* memory) {
  if (memory != nullptr) return memory->allocate(size, alignof(std::max_align_t));
  if (!recycle) return ::operator new(size);
  if (size > largest_block) {
    free_oversized();
    return ::operator new(size);
  }
  const std::size_t c = class_of(size);
  if (own == nullptr) prepare_blocks_of_this_thread();
  if (own == nullptr || own == &gone) {  // no room to keep any, or no more: a slab for one block
    slab* const single = new_slab(c);
    single->released.store(blocks_in_slab(c) - 1, std::memory_order_relaxed);
    return reinterpret_cast<std::byte*>(single) + size_of_class(c);
  }
  thread_cache& s = (*own)[c];
  if (s.at == s.end) next_slab(s, c);
  return std::exchange(s.at, s.at + size_of_class(c));
}

[[gnu::noinline]] void release_slowly(void* block, std::size_t size,
                                      std::pmr::memory_resource* memory) noexcept {
  if (memory != nullptr) return memory->deallocate(block, size, alignof(std::max_align_t));
  if (!recycle) return ::operator delete(block);
  if (size > largest_block) {
    slab* const s = ::new (block) slab;
    return oversized.put(s, s);
  }
  const std::size_t c = class_of(size);
  slab* const home = slab_of(block, c);
  if (own == nullptr) prepare_blocks_of_this_thread();
  if (own == nullptr || own == &gone) return count_released(home, c, 1);
  thread_cache& s = (*own)[c];
  if (s.releasing != home) {
    if (s.uncounted != 0) count_released(s.releasing, c, s.uncounted);
    s.releasing = home;
    s.uncounted = 0;
  }
  if (++s.uncounted == blocks_in_slab(c)) {
    s.uncounted = 0;
    central_lists[c].put(home, home);  // all of it came back through here
  }
}

/// The calling thread's thread_cache for blocks of that size; null: this is one of the rare cases.
thread_cache* usual_cache(std::size_t size, std::pmr::memory_resource* memory) noexcept {
  if (!recycle || memory != nullptr || size > largest_block || own == nullptr || own == &gone) {
    return nullptr;
  }
  return &(*own)[class_of(size)];
}

}  // namespace

void* allocate_block(std::size_t size, std::pmr::memory_resource* memory) {
  thread_cache* const s = usual_cache(size, memory);
  if (s == nullptr || s->at == s->end) return allocate_slowly(size, memory);
  return std::exchange(s->at, s->at + size_of_class(class_of(size)));
}

void release_block(void* block, std::size_t size, std::pmr::memory_resource* memory) noexcept {
  thread_cache* const s = usual_cache(size, memory);
  if (s == nullptr) return release_slowly(block, size, memory);
  const std::size_t c = class_of(size);
  // The block handed out last, by this thread as well: it is the next again, and still in the
  // cache. Tasks that end without waiting are fast because of this.
  if (static_cast<std::byte*>(block) + size_of_class(c) == s->at) {
    s->at = static_cast<std::byte*>(block);
    return;
  }
  if (s->releasing != slab_of(block, c) || s->uncounted + 1 == blocks_in_slab(c)) {
    return release_slowly(block, size, memory);
  }
  ++s->uncounted;
}

}  // namespace loopbridge::detail
