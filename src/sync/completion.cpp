#include "loopbridge/detail/sync/completion.hpp"

#include "loopbridge/detail/sync/interrupt_flag.hpp"
#include "sync/futex.hpp"

namespace loopbridge::detail {

bool completion::wait(deadline until, const process_mark& process,
                      const interrupt_flag* by) noexcept {
  for (;;) {
    std::uint32_t word = word_.load(std::memory_order_acquire);  // pairs with publish()
    if (phase_of(word) == done) return true;
    if (until != no_deadline && std::chrono::steady_clock::now() >= until) return false;
    if (by != nullptr && by->is_tripped()) return false;
    // Relaxed: the mark asks the completer to wake us, and publish() reads it in the operation
    // that makes `done`; if that came first, the exchange fails and we look again.
    if ((word & sleeper_mark) == 0 &&
        !word_.compare_exchange_weak(word, word | sleeper_mark, std::memory_order_relaxed)) {
      continue;
    }
    if (!futex_wait(word_, word | sleeper_mark, until, process, by)) return false;
  }
}

void completion::wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  futex_wake_all(word);
}

}  // namespace loopbridge::detail
