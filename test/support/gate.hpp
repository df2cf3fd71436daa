#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "patience.hpp"

namespace support {

/// Opens once; whoever waits at it goes on then. Copies are the same gate, so that a callable may
/// outlive the frame that made it.
class gate {
 public:
  void open() const {
    const std::lock_guard lock(state_->mutex);
    state_->is_open = true;
    state_->changed.notify_all();
  }
  /// False: it stayed shut.
  [[nodiscard]] bool wait() const {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, generous, [&] { return state_->is_open; });
  }
  bool is_open() const {
    const std::lock_guard lock(state_->mutex);
    return state_->is_open;
  }

 private:
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_open = false;
  };
  std::shared_ptr<shared> state_ = std::make_shared<shared>();
};

}  // namespace support
