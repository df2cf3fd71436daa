#pragma once

#include <cstddef>
#include <memory_resource>
#include <new>
#include <utility>

namespace loopbridge::detail {

/// Memory for calls: `size` bytes from `memory`, or, where that is null, a recycled block.
///
/// Recycled blocks go round: a thread that submits takes them from a small stack of its own, the
/// loop puts them back in batches, and only a submitting thread ever enters malloc or free. That
/// matters beyond speed: when a handler waits, the code that it interrupted may hold malloc's
/// lock, and the loop must get through everything that is queued ahead of it.
///
/// Any ordinary thread, the loop's too; not from a handler. allocate throws std::bad_alloc.
void* allocate_block(std::size_t size, std::pmr::memory_resource* memory);
void release_block(void* block, std::size_t size, std::pmr::memory_resource* memory) noexcept;

/// Makes this thread's stack of blocks now, so that the first release does not have to.
void prepare_blocks_of_this_thread() noexcept;
/// Frees what no thread has and no block is in. Where the library is unloaded. Any ordinary thread.
void free_empty_slabs() noexcept;

/// A T in a block of its own. If T's constructor throws, the block is released.
template <class T, class... Args>
T* make_in_block(std::pmr::memory_resource* memory, Args&&... args) {
  static_assert(alignof(T) <= alignof(std::max_align_t), "over-aligned callables: use a pointer");
  void* const block = allocate_block(sizeof(T), memory);
  try {
    return ::new (block) T(std::forward<Args>(args)...);
  } catch (...) {
    release_block(block, sizeof(T), memory);
    throw;
  }
}

template <class T>
void destroy_in_block(T* object, std::pmr::memory_resource* memory) noexcept {
  object->~T();
  release_block(object, sizeof(T), memory);
}

}  // namespace loopbridge::detail
