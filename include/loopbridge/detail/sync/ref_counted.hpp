#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace loopbridge::detail {

/// Counts the holders of a T, which derives from this and has `destroy()`: that runs when the last
/// hold is gone. A T is born with one hold, its maker's.
///
/// Home of `refs_`: a holder adds with relaxed, as its own hold keeps the object there. The last
/// one to let go destroys: acq_rel, so that all that the other holders did comes before that.
template <class T>
class ref_counted {
 public:
  ref_counted(const ref_counted&) = delete;
  ref_counted& operator=(const ref_counted&) = delete;

  void add_ref(std::uint32_t holds = 1) noexcept {
    refs_.fetch_add(holds, std::memory_order_relaxed);
  }
  void release_ref() noexcept {
    if (drop_ref()) static_cast<T*>(this)->destroy();
  }
  /// True: it was the last hold, and the caller must destroy the object, now or later.
  [[nodiscard]] bool drop_ref() noexcept {
    return refs_.fetch_sub(1, std::memory_order_acq_rel) == 1;  // acq_rel: pairs with drop_ref()
  }
  /// By a caller that knows of another hold. It orders nothing, and destroys nothing: a signal
  /// handler may do it.
  void release_ref_not_last() noexcept { refs_.fetch_sub(1, std::memory_order_relaxed); }

 protected:
  explicit ref_counted(std::uint32_t holds = 1) noexcept : refs_(holds) {}
  ~ref_counted() = default;

 private:
  std::atomic<std::uint32_t> refs_;
};

/// One hold of a T. Null when default-constructed, moved from or released.
template <class T>
class ref_ptr {
 public:
  ref_ptr() noexcept = default;
  /// One more hold.
  explicit ref_ptr(T& counted) noexcept : held_(&counted) { counted.add_ref(); }
  /// Takes over the caller's hold.
  static ref_ptr adopt(T* held) noexcept {
    ref_ptr made;
    made.held_ = held;
    return made;
  }
  ref_ptr(ref_ptr&& other) noexcept : held_(other.release()) {}
  ref_ptr& operator=(ref_ptr&& other) noexcept {
    ref_ptr taken(std::move(other));
    std::swap(held_, taken.held_);
    return *this;
  }
  ~ref_ptr() {
    if (held_ != nullptr) held_->release_ref();
  }

  T* operator->() const noexcept { return held_; }
  T& operator*() const noexcept { return *held_; }
  explicit operator bool() const noexcept { return held_ != nullptr; }
  T* get() const noexcept { return held_; }
  /// The hold is the caller's.
  [[nodiscard]] T* release() noexcept { return std::exchange(held_, nullptr); }

 private:
  T* held_ = nullptr;
};

}  // namespace loopbridge::detail
