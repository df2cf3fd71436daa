#include "loopbridge/place.hpp"

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

namespace loopbridge {
namespace {

struct kept_label {
  unsigned number;
  kept_label* next;
  std::string text;
};

/// Home: null, then the label made last, in front of those before it; none ever goes. A list,
/// because there are few, and because it needs no lock that a fork or a finalizer could find held.
/// Default orders.
std::atomic<kept_label*> labels{nullptr};

kept_label* find(const char* text, kept_label* first, const kept_label* end) noexcept {
  for (; first != end; first = first->next) {
    if (first->text == text) return first;
  }
  return nullptr;
}

unsigned number_of(const char* text) {
  kept_label* first = labels.load();
  if (const kept_label* const known = find(text, first, nullptr)) return known->number;
  auto made = std::make_unique<kept_label>(kept_label{0, nullptr, text});
  for (;;) {
    made->number = first != nullptr ? first->number + 1 : 1;
    made->next = first;
    kept_label* const before = first;
    if (labels.compare_exchange_strong(first, made.get())) return made.release()->number;
    // Somebody else's came in between, perhaps the same.
    if (const kept_label* const known = find(text, first, before)) return known->number;
  }
}

}  // namespace

place place::labelled(const char* text, const char* file, unsigned line) {
  return {file, line, number_of(text)};
}

const char* place::label() const noexcept {
  const kept_label* l = labels.load();
  while (l != nullptr && l->number != label_number) l = l->next;
  return l != nullptr ? l->text.c_str() : nullptr;
}

namespace detail {

place_text::place_text(place where) noexcept {
  const int length = where.file != nullptr
                         ? std::snprintf(text_, sizeof text_, "%s:%u", where.file, where.line)
                         : std::snprintf(text_, sizeof text_, "an unknown place");
  const char* const label = where.label();
  if (label == nullptr || length < 0 || std::size_t(length) >= sizeof text_) return;
  std::snprintf(text_ + length, sizeof text_ - std::size_t(length), " [%s]", label);
}

}  // namespace detail
}  // namespace loopbridge
