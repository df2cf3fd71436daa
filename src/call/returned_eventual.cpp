#include <utility>

#include "loopbridge/results/eventual.hpp"

namespace loopbridge::detail {

void returned_eventual::await(call_base& before) noexcept {
  before_ = &before;
  answer_.awaits(before);
  answer_.add_ref();  // this and the core: the call's, until it notifies this
  core_.add_ref();
  before.on_completion(*this);
}

/// On the thread that completes the call. Refused: the bridge stops, and ends what waits.
void returned_eventual::notify() noexcept {
  loop_core& core = core_;  // this may be gone as soon as the list has it
  if (core.submit(*this) != status::accepted) answer_.release_ref();
  core.release_ref();
}

void returned_eventual::go(loop_core&) noexcept {
  // Cancelled meanwhile: the hook gives the call up, or has.
  if (before_ != nullptr && answer_.claim_as_resolved()) {
    answer_.forget_cancel_hook();
    answer_.awaits_no_more();
    take_from(*before_);
    std::exchange(before_, nullptr)->drop_handle();
    answer_.deliver();  // the last: with the answer the waiter may unload the program's library
  }
  answer_.release_ref();
}

void returned_eventual::end(loop_core&) noexcept {
  answer_.release_ref();
}

void returned_eventual::give_up() noexcept {
  answer_.awaits_no_more();
  if (before_ != nullptr) call_base::give_up_handle(*std::exchange(before_, nullptr));
}

}  // namespace loopbridge::detail
