#include "loopbridge/detail/call/completion_callback.hpp"

namespace loopbridge::detail {

/// Stands for no callback.
completion_callback* completion_callbacks::notified() noexcept {
  static struct sentinel final : completion_callback {
    void notify() noexcept override {}
  } none;
  return &none;
}

void completion_callbacks::notify_all() noexcept {
  completion_callback* last = last_.exchange(notified());
  if (last == notified()) return;
  completion_callback* first = nullptr;
  while (last != nullptr) {
    completion_callback* const before = last->next;
    last->next = first;
    first = last;
    last = before;
  }
  while (first != nullptr) {
    completion_callback* const next = first->next;  // read before: it may be gone afterwards
    first->notify();
    first = next;
  }
}

}  // namespace loopbridge::detail
