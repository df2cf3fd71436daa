#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// Where a T stands in its block, and what it takes. A block is aligned for all but over-aligned
/// types: such a T stands at the first place behind the block's begin that will do, and in front of
/// it is where the block begins.
template <class T>
struct in_block {
  static constexpr bool at_begin = alignof(T) <= alignof(std::max_align_t);
  static constexpr std::size_t size = at_begin ? sizeof(T) : sizeof(T) + alignof(T);

  static void* place(void* block) noexcept {
    if constexpr (at_begin) return block;
    const auto address = reinterpret_cast<std::uintptr_t>(block);
    std::byte* const place = static_cast<std::byte*>(block) + (alignof(T) - address % alignof(T));
    std::memcpy(place - sizeof(block), &block, sizeof(block));
    return place;
  }
  static void* block_of(T* object) noexcept {
    if constexpr (at_begin) return object;
    void* block;
    std::memcpy(&block, reinterpret_cast<const std::byte*>(object) - sizeof(block), sizeof(block));
    return block;
  }
};

/// A T in a block of its own. If T's constructor throws, the block is released.
template <class T, class... Args>
T* make_in_block(std::pmr::memory_resource* memory, Args&&... args) {
  void* const block = allocate_block(in_block<T>::size, memory);
  try {
    return ::new (in_block<T>::place(block)) T(std::forward<Args>(args)...);
  } catch (...) {
    release_block(block, in_block<T>::size, memory);
    throw;
  }
}

template <class T>
void destroy_in_block(T* object, std::pmr::memory_resource* memory) noexcept {
  void* const block = in_block<T>::block_of(object);
  object->~T();
  release_block(block, in_block<T>::size, memory);
}

}  // namespace loopbridge::detail
