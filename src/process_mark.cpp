#include "loopbridge/detail/process_mark.hpp"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <system_error>

namespace loopbridge::detail {
namespace {

// No lock: a fork while another thread holds it would leave it locked in the child for ever.
constinit std::atomic<std::atomic<std::uint64_t>*> page{nullptr};
// Survives a fork, unlike the page: a child's number is a new one.
constinit std::atomic<std::uint64_t> last_number{0};

void wipe_in_child() {
  // Null: one thread forked while another was about to publish the page.
  if (auto* const p = page.load(std::memory_order_relaxed)) p->store(0, std::memory_order_relaxed);
}

std::size_t page_size() {
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::atomic<std::uint64_t>* make_page() {
  const std::size_t size = page_size();
  void* const memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::system_error(errno, std::generic_category(), "loopbridge: mmap of one page");
  }
  bool wiped_by_kernel = false;
#ifdef MADV_WIPEONFORK
  wiped_by_kernel = madvise(memory, size, MADV_WIPEONFORK) == 0;
#endif
  auto* const made = ::new (memory) std::atomic<std::uint64_t>(0);
  if (!wiped_by_kernel) {
    if (const int error = pthread_atfork(nullptr, nullptr, wipe_in_child); error != 0) {
      munmap(memory, size);
      throw std::system_error(error, std::generic_category(), "loopbridge: pthread_atfork");
    }
  }
  return made;
}

}  // namespace

process_mark::process_mark() {
  std::atomic<std::uint64_t>* p = page.load(std::memory_order_acquire);
  if (p == nullptr) {
    std::atomic<std::uint64_t>* const made = make_page();
    // release: whoever finds the page finds the number in it made; pairs with both loads.
    if (page.compare_exchange_strong(p, made, std::memory_order_release,
                                     std::memory_order_acquire)) {
      p = made;
    } else {
      munmap(made, page_size());  // another thread was first
    }
  }
  std::uint64_t number = p->load(std::memory_order_relaxed);
  if (number == 0) {
    const std::uint64_t next = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
    if (p->compare_exchange_strong(number, next, std::memory_order_relaxed)) number = next;
  }
  page_ = p;
  number_ = number;
}

}  // namespace loopbridge::detail
