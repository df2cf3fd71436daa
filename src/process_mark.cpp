#include "loopbridge/detail/process_mark.hpp"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <new>
#include <system_error>

namespace loopbridge::detail {
namespace {

std::mutex making;
std::atomic<std::uint64_t>* page = nullptr;
std::uint64_t last_number = 0;  // survives a fork, unlike the page: a child's number is a new one

void wipe_in_child() {
  page->store(0, std::memory_order_relaxed);
}

std::atomic<std::uint64_t>* make_page() {
  const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
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
  const std::lock_guard lock(making);
  if (page == nullptr) page = make_page();
  if (page->load(std::memory_order_relaxed) == 0) {
    page->store(++last_number, std::memory_order_relaxed);
  }
  page_ = page;
  number_ = page->load(std::memory_order_relaxed);
}

}  // namespace loopbridge::detail
