#pragma once

#include <atomic>
#include <thread>
#include <utility>

namespace support {

/// What became of the tokens that were made for it.
struct counts {
  std::atomic<int> made{0};
  std::atomic<int> destroyed{0};
  std::atomic<std::thread::id> destroyed_on{};  ///< the last one

  int alive() const { return made.load() - destroyed.load(); }
};

/// Counts itself; move-only. A token that was moved from does not count, so each is destroyed once,
/// wherever the value ended up. Captured, it tells what became of a callable.
class token {
 public:
  explicit token(counts& c) : counts_(&c) { ++c.made; }
  token(token&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)) {}
  token& operator=(token&& other) noexcept {
    token(std::move(other)).swap(*this);
    return *this;
  }
  ~token() {
    if (counts_ == nullptr) return;
    counts_->destroyed_on = std::this_thread::get_id();
    ++counts_->destroyed;
  }
  void swap(token& other) noexcept { std::swap(counts_, other.counts_); }

 private:
  counts* counts_;
};

}  // namespace support
