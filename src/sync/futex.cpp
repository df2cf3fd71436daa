#include "sync/futex.hpp"

#include "loopbridge/detail/sync/interrupt_flag.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {

bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, deadline until,
                const process_mark& process, const interrupt_flag* by) noexcept {
  const std::atomic<std::uint32_t>& lot = process_mark::parking_lot(&word);
  if (by != nullptr) by->sleeps_in(process_mark::number_of(lot));
  // Before both looks. If it is the number that a waker has left, or a later one, we see what the
  // waker has changed: acquire, pairs with wake(). If it is an older one, the kernel, which
  // compares under a lock that the waker's call takes too, finds it changed, or the waker finds the
  // sleeper. (It would be the same again after 2^31 wakes.) If it is a child's, we see that we are
  // in one.
  const std::uint32_t number = lot.load(std::memory_order_acquire);
  if (!process.is_this_process()) return false;
  if (word.load(std::memory_order_relaxed) != expected) return true;
  if (by != nullptr && by->is_tripped()) return true;
  platform::wait_while(lot, number, until);
  return true;
}

namespace {
void wake(std::atomic<std::uint32_t>& lot) noexcept {
  lot.fetch_add(2, std::memory_order_release);  // pairs with futex_wait()
  platform::wake_all(lot);
}
}  // namespace

void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  wake(process_mark::parking_lot(&word));
}

void futex_wake_lot(std::size_t number) noexcept {
  wake(process_mark::lot_at(number));
}

}  // namespace loopbridge::detail
