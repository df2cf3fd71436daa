#pragma once

#include <unistd.h>

#include <utility>

namespace loopbridge::clients::detail {

/// A descriptor, closed by its owner. What watches it ends before.
class descriptor {
 public:
  explicit descriptor(int fd = -1) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() { close(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ != -1; }
  void close() noexcept {
    if (const int fd = std::exchange(fd_, -1); fd != -1) ::close(fd);
  }

 private:
  int fd_;
};

}  // namespace loopbridge::clients::detail
