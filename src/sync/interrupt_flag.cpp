#include "loopbridge/detail/sync/interrupt_flag.hpp"

#include <bit>

#include "sync/futex.hpp"

namespace loopbridge::detail {

// Sleepers are found by the parking lots that they sleep in, and not by their words, which may be
// gone by the time a trip on another thread gets there: lots are never freed.
void interrupt_flag::trip() noexcept {
  tripped_.store(true);
  for (std::size_t i = 0; i < lots_.size(); ++i) {
    for (std::uint64_t bits = lots_[i].load(); bits != 0; bits &= bits - 1) {
      futex_wake_lot(i * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
  }
}

}  // namespace loopbridge::detail
