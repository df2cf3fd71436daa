#pragma once

namespace loopbridge::detail {

/// A list whose elements bring their own links: `T* previous` and `T* following`, null at first.
/// Neither operation can fail, so they serve where nothing may be allocated. No thread of its own:
/// under the owner's lock, or the drain lock.
template <class T>
void link_first(T*& first, T& t) noexcept {
  t.previous = nullptr;
  t.following = first;
  if (first != nullptr) first->previous = &t;
  first = &t;
}

/// `t` keeps its own link to the next: a walk through the list may be at it.
template <class T>
void unlink(T*& first, T& t) noexcept {
  (t.previous != nullptr ? t.previous->following : first) = t.following;
  if (t.following != nullptr) t.following->previous = t.previous;
}

}  // namespace loopbridge::detail
