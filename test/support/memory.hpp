#pragma once

#include <atomic>
#include <cstddef>
#include <memory_resource>
#include <new>

namespace support {

/// Counts what is taken from it; on request, has nothing left.
class counting_memory final : public std::pmr::memory_resource {
 public:
  long bytes_in_use() const { return bytes_.load(); }
  int allocations() const { return allocations_.load(); }
  void refuse(bool on = true) { refuses_ = on; }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    if (refuses_) throw std::bad_alloc();
    ++allocations_;
    bytes_ += static_cast<long>(size);
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override {
    bytes_ -= static_cast<long>(size);
    std::pmr::new_delete_resource()->deallocate(block, size, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::atomic<long> bytes_{0};
  std::atomic<int> allocations_{0};
  std::atomic<bool> refuses_{false};
};

}  // namespace support
