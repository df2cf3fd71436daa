#pragma once

#include <functional>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <utility>

struct uv_loop_s;

namespace loopbridge::detail {

/// In a catch block, on the loop thread: what a callback of libuv's has thrown goes to the hook of
/// the bridge that runs `loop`. `where`: the place where what calls back was made.
void report_from_callback(uv_loop_s* loop, std::source_location where) noexcept;

/// The program's function that a handle of ours calls. It may destroy, while it runs, what holds
/// this: it lasts until it has returned. Loop thread.
template <class... Args>
class loop_callback {
 public:
  loop_callback(std::function<void(Args...)>&& f, std::source_location where) {
    if (!f) {
      throw std::invalid_argument(
          "loopbridge: a timer and an fd_watcher need a function: this one is empty");
    }
    kept_ = std::make_shared<kept>(std::move(f), where);
  }
  /// The last thing that a callback of libuv's does: this may be gone then.
  void operator()(uv_loop_s* loop, Args... args) const noexcept {
    const std::shared_ptr<kept> held = kept_;
    try {
      held->f(args...);
    } catch (...) {
      report_from_callback(loop, held->where);
    }
  }
  /// It is not called any more, and destroyed, at once unless it runs.
  void drop() noexcept { kept_.reset(); }

 private:
  struct kept {
    kept(std::function<void(Args...)>&& g, std::source_location w) : f(std::move(g)), where(w) {}
    std::function<void(Args...)> f;
    std::source_location where;
  };
  std::shared_ptr<kept> kept_;
};

}  // namespace loopbridge::detail
