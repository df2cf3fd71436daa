#include "loopbridge/detail/blocks.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

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

constexpr std::size_t smallest = 64;  // a cache line: node, place and a small closure
constexpr std::size_t largest = 8192;
constexpr std::size_t classes = std::bit_width(largest / smallest);

std::size_t class_of(std::size_t size) noexcept {
  return size <= smallest ? 0 : static_cast<std::size_t>(std::bit_width((size - 1) / smallest));
}
constexpr std::size_t size_of_class(std::size_t c) noexcept {
  return smallest << c;
}

/// Blocks that go to the depot together: a page of them, at least one.
constexpr std::uint32_t batch_size(std::size_t c) noexcept {
  const std::size_t blocks = 4096 / size_of_class(c);
  return blocks != 0 ? static_cast<std::uint32_t>(blocks) : 1;
}
/// Batches that a thread keeps from one visit to the depot, about 1 MB; it frees the others, so
/// that a burst does not cost its memory for ever.
constexpr std::uint32_t most_batches = 256;

/// A block while it is free. The last two members are used by the first block of a batch.
struct free_block {
  free_block* next;
  free_block* next_batch;
  std::uint32_t count;
};

/// Full batches on their way from the threads that release (the loops) to those that allocate.
///
/// Home of `batches_`: a stack. put() pushes with release; take_all() takes everything with
/// acquire, so there is no ABA. Never destroyed: threads release blocks while the program exits.
class depot {
 public:
  void put(free_block* batch, std::uint32_t count) noexcept {
    batch->count = count;
    free_block* head = batches_.load(std::memory_order_relaxed);
    do {
      batch->next_batch = head;
    } while (!batches_.compare_exchange_weak(head, batch, std::memory_order_release,
                                             std::memory_order_relaxed));
  }
  free_block* take_all() noexcept {
    if (batches_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    return batches_.exchange(nullptr, std::memory_order_acquire);
  }

 private:
  alignas(64) std::atomic<free_block*> batches_{nullptr};
};

constinit std::array<depot, classes> depots;
/// Blocks too large to keep. Released ones wait here until the next such block is asked for, since
/// who releases them, mostly a loop, must not enter free().
constinit depot oversized;

void free_batches(free_block* batch) noexcept {
  while (batch != nullptr) {
    free_block* const next_batch = batch->next_batch;
    for (free_block* block = batch; block != nullptr;) {
      free_block* const next = block->next;
      ::operator delete(block);
      block = next;
    }
    batch = next_batch;
  }
}

/// What one thread holds of one size: loose blocks, and whole batches that it took from the depot.
struct shelf {
  free_block* loose = nullptr;
  std::uint32_t loose_count = 0;
  free_block* batches = nullptr;
};

// Trivial, so that reaching it takes no guard, and later destructors of the thread may still use
// it; what they release goes to the depot then.
constinit thread_local std::array<shelf, classes> shelves{};
enum class shelf_state : unsigned char { unused, open, closed };
constinit thread_local shelf_state this_thread = shelf_state::unused;

struct give_back_at_thread_exit {
  ~give_back_at_thread_exit() {
    this_thread = shelf_state::closed;
    for (std::size_t c = 0; c < classes; ++c) {
      shelf& s = shelves[c];
      if (s.loose != nullptr) depots[c].put(s.loose, s.loose_count);
      for (free_block* batch = s.batches; batch != nullptr;) {
        free_block* const next = batch->next_batch;
        depots[c].put(batch, batch->count);
        batch = next;
      }
      s = {};
    }
  }
};

/// Everything in the depot, but for what is more than a thread should keep: that is freed here.
free_block* take_batches(std::size_t c) noexcept {
  free_block* const taken = depots[c].take_all();
  free_block* last = taken;
  for (std::uint32_t n = 1; last != nullptr && n < most_batches; ++n) last = last->next_batch;
  if (last == nullptr) return taken;
  free_batches(std::exchange(last->next_batch, nullptr));
  return taken;
}

}  // namespace

void prepare_blocks_of_this_thread() noexcept {
  if (this_thread != shelf_state::unused) return;
  this_thread = shelf_state::open;
  static thread_local give_back_at_thread_exit at_thread_exit;
  (void)at_thread_exit;
}

void* allocate_block(std::size_t size, std::pmr::memory_resource* memory) {
  if (memory != nullptr) return memory->allocate(size, alignof(std::max_align_t));
  if (!recycle) return ::operator new(size);
  if (size > largest) {
    free_batches(oversized.take_all());
    return ::operator new(size);
  }
  prepare_blocks_of_this_thread();
  const std::size_t c = class_of(size);
  shelf& s = shelves[c];
  if (s.loose == nullptr) {
    if (this_thread == shelf_state::closed) return ::operator new(size_of_class(c));
    if (s.batches == nullptr) s.batches = take_batches(c);
    if (s.batches == nullptr) return ::operator new(size_of_class(c));
    s.loose = s.batches;
    s.loose_count = s.loose->count;
    s.batches = s.loose->next_batch;
  }
  free_block* const block = s.loose;
  s.loose = block->next;
  --s.loose_count;
  return block;
}

void release_block(void* block, std::size_t size, std::pmr::memory_resource* memory) noexcept {
  if (memory != nullptr) return memory->deallocate(block, size, alignof(std::max_align_t));
  if (!recycle) return ::operator delete(block);
  auto* const free = ::new (block) free_block{nullptr, nullptr, 1};
  if (size > largest) return oversized.put(free, 1);
  prepare_blocks_of_this_thread();
  const std::size_t c = class_of(size);
  if (this_thread == shelf_state::closed) return depots[c].put(free, 1);
  shelf& s = shelves[c];
  if (s.loose_count >= batch_size(c)) {
    depots[c].put(s.loose, s.loose_count);
    s.loose = nullptr;
    s.loose_count = 0;
  }
  free->next = s.loose;
  s.loose = free;
  ++s.loose_count;
}

}  // namespace loopbridge::detail
