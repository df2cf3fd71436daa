#include <algorithm>
#include <utility>

#include "worker.hpp"

namespace tour {

job_list::job_list(std::vector<std::string> files, std::uint64_t rounds, clock::duration time)
    : files_(std::move(files)), rounds_(rounds), until_(clock::now() + time) {}

std::optional<std::size_t> job_list::next() noexcept {
  if (failed_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::uint64_t n = next_.fetch_add(1, std::memory_order_relaxed);
  const bool more =
      rounds_ != 0 ? n / files_.size() < rounds_ : n < files_.size() || clock::now() < until_;
  if (!more) return std::nullopt;
  return static_cast<std::size_t>(n % files_.size());
}

void job_list::verified(std::uint64_t bytes) noexcept {
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void job_list::file_done() noexcept {
  done_.fetch_add(1, std::memory_order_relaxed);
}

void job_list::fail(std::string message) {
  failed_.store(true, std::memory_order_relaxed);
  const std::lock_guard lock(failing_);
  const bool known = std::find(failures_.begin(), failures_.end(), message) != failures_.end();
  if (!known) failures_.push_back(std::move(message));
}

std::vector<std::string> job_list::failures() const {
  const std::lock_guard lock(failing_);
  return failures_;
}

}  // namespace tour
