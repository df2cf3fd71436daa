#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <thread>

namespace soak {

/// What one thread is in the middle of. Written by that thread, and by its handlers, which put
/// back what they found.
struct watched {
  std::atomic<bool> taken{false};
  std::atomic<std::int64_t> since_ms{0};   ///< 0: nothing that could hang
  std::atomic<const char*> what{nullptr};  ///< its name
  std::atomic<int> loop_of{-1};
};

/// Sees to it that nobody waits for ever: every operation has `deadline` to return.
class watch {
 public:
  /// `on_hang` is called once for every deadline that passes, on the watch's thread.
  watch(std::chrono::milliseconds deadline, std::function<void(const char* what)> on_hang);
  ~watch();
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  static void print(std::FILE* to);

 private:
  void run();

  const std::chrono::milliseconds deadline_;
  const std::function<void(const char*)> on_hang_;
  std::atomic<bool> done_{false};
  std::thread thread_;
};

/// On a thread's stack, for its whole life: puts it under the watch.
class under_watch {
 public:
  explicit under_watch(int loop_of = -1);
  ~under_watch();
  under_watch(const under_watch&) = delete;
  under_watch& operator=(const under_watch&) = delete;

 private:
  watched* mine_ = nullptr;
};

/// On the stack, while something goes on that must end.
class doing {
 public:
  explicit doing(const char* what) noexcept;
  ~doing();
  doing(const doing&) = delete;
  doing& operator=(const doing&) = delete;

 private:
  const char* before_ = nullptr;
  std::int64_t since_ = 0;
};

}  // namespace soak
