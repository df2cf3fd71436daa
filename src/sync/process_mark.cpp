#include "loopbridge/detail/sync/process_mark.hpp"

#include <bit>
#include <new>
#include <system_error>

#include "platform/platform.hpp"

namespace loopbridge::detail {
namespace {

// Survives a fork, unlike the page: a child's number is a new one.
constinit std::atomic<std::uint64_t> last_number{0};

/// The number of the process that forks, for its child. Survives the fork as well.
constinit std::atomic<std::uint64_t> forking{0};

/// Spreads what differs in a few bits over all of them: Knuth's multiplicative hashing.
std::uint32_t spread(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>((value * 0x9E3779B97F4A7C15U) >> 32);
}

}  // namespace

// No lock: a fork while another thread holds it would leave it locked in the child for ever.
constinit std::atomic<process_mark::wiped_page*> process_mark::the_page_{nullptr};

void process_mark::note_fork() noexcept {
  auto* const page = the_page_.load(std::memory_order_relaxed);
  if (page != nullptr) forking.store(page->number.load(std::memory_order_relaxed));
}

/// Unless the kernel has: then another such handler may have marked the child already.
void process_mark::wipe_in_child() noexcept {
  auto* const page = the_page_.load(std::memory_order_relaxed);
  if (page == nullptr) return;  // forked while another thread was about to publish it
  if (page->number.load(std::memory_order_relaxed) != forking.load()) return;
  page->number.store(0, std::memory_order_relaxed);
  page->of_waits.waiting.store(0, std::memory_order_relaxed);
  page->of_waits.looking.store(0, std::memory_order_relaxed);
  for (auto& lot : page->lots) lot.store(0, std::memory_order_relaxed);
}

process_mark::wiped_page* process_mark::make_page() {
  static_assert(sizeof(wiped_page) <= 4096);  // no system has smaller pages
  void* const memory = platform::map_wiped_in_children(sizeof(wiped_page));
  auto* const made = ::new (memory) wiped_page;
  // In any case: emulators, and the kernels of some containers, say yes to any advice.
  if (const int error = platform::at_fork([] { note_fork(); }, nullptr, [] { wipe_in_child(); });
      error != 0) {
    platform::unmap(memory, sizeof(wiped_page));
    throw std::system_error(error, std::generic_category(), "loopbridge: pthread_atfork");
  }
  return made;
}

process_mark::process_mark() {
  // acquire and release: a thread that finds the page finds what is in it made. Between threads
  // that come here: pairs with process_mark(), and so does the number.
  wiped_page* page = the_page_.load(std::memory_order_acquire);
  if (page == nullptr) {
    wiped_page* const made = make_page();
    if (the_page_.compare_exchange_strong(page, made, std::memory_order_release,
                                          std::memory_order_acquire)) {
      page = made;
    } else {
      platform::unmap(made, sizeof(wiped_page));  // another thread was first
    }
  }
  // acquire and release: a thread that finds the number finds the lots filled.
  std::uint64_t number = page->number.load(std::memory_order_acquire);
  if (number == 0) {
    const std::uint64_t next = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
    for (auto& lot : page->lots) {
      std::uint32_t empty = 0;  // or another thread is filling them, too
      lot.compare_exchange_strong(empty, spread(next) | 1, std::memory_order_relaxed);
    }
    if (page->number.compare_exchange_strong(number, next, std::memory_order_release,
                                             std::memory_order_acquire)) {
      number = next;
    }
  }
  page_ = page;
  number_ = number;
}

std::atomic<std::uint32_t>& process_mark::parking_lot(const void* address) noexcept {
  constexpr auto bits = std::bit_width(std::tuple_size_v<decltype(wiped_page::lots)> - 1);
  const auto place = std::bit_cast<std::uintptr_t>(address);
  // Relaxed: a sleeper or waker has a mark, or a core that has one.
  return the_page_.load(std::memory_order_relaxed)->lots[spread(place) >> (32 - bits)];
}

process_mark::lookers& process_mark::looked_at() noexcept {
  return the_page_.load()->of_waits;
}

std::size_t process_mark::number_of(const std::atomic<std::uint32_t>& lot) noexcept {
  return static_cast<std::size_t>(&lot - the_page_.load()->lots.data());
}

std::atomic<std::uint32_t>& process_mark::lot_at(std::size_t number) noexcept {
  return the_page_.load()->lots[number];
}

}  // namespace loopbridge::detail
