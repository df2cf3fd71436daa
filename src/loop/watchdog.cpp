#include "loop/watchdog.hpp"

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <source_location>
#include <utility>

#include "loop/own_thread.hpp"
#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {

using clock = std::chrono::steady_clock;

/// Sleeps as long as nothing can be overdue: until the limit of the callable that runs, or, if none
/// does, for as long as one that begins just now may take. An idle bridge's wakes up so often too.
/// It is held by both threads, as the hook may let go of the last handle to the bridge.
struct watchdog::thread {
  explicit thread(watchdog& w) : owner(w) {}

  /// No handler comes in while it holds the lock that the loop takes.
  static std::shared_ptr<thread> start(watchdog& w, std::size_t stack_size) {
    auto made = std::make_shared<thread>(w);
    made->runner =
        own_thread(stack_size, platform::asynchronous_signals(), [held = made] { held->run(); });
    return made;
  }

  void run() noexcept {
    const platform::cancellation_disabled in_hooks;
    const std::chrono::nanoseconds limit = owner.opts_.callback;
    std::unique_lock lock(mutex);
    std::uint64_t progress = 0;
    deadline quiet_since = deadline::max();  // calls are queued, nothing runs, no iteration comes
    while (!ended) {
      const deadline now = clock::now();
      deadline next = end_of(now, limit);
      running_callable* const call = innermost;
      const std::uint64_t so_far =
          owner.core_.counts().turns.get() + owner.core_.counts().ended.get();
      if (call != nullptr || so_far != progress || !owner.core_.has_news()) {
        quiet_since = deadline::max();
      } else if (quiet_since == deadline::max()) {
        quiet_since = now;
      }
      progress = so_far;
      if (call != nullptr && !call->reported_) {
        if (now - call->since_ >= limit) {
          call->reported_ = true;
          report_unlocked(lock, overdue::kind::callback, now - call->since_, call->where_);
          continue;
        }
        next = end_of(call->since_, limit);
      } else if (call == nullptr && now >= quiet_since && now - quiet_since >= limit &&
                 stuck_at != progress) {
        stuck_at = progress;
        report_unlocked(lock, overdue::kind::turn, now - quiet_since, {});
        continue;
      }
      if (next == no_deadline) {  // which not every library can wait for
        changed.wait(lock);
      } else {
        changed.wait_until(lock, next);
      }
    }
  }

  void report_unlocked(std::unique_lock<std::mutex>& lock, overdue::kind what,
                       std::chrono::nanoseconds so_far, std::source_location where) noexcept {
    lock.unlock();
    owner.report(what, so_far, where);
    lock.lock();
  }

  watchdog& owner;
  std::mutex mutex;  ///< for all below, and the watched_calls
  std::condition_variable changed;
  bool ended = false;
  running_callable* innermost = nullptr;
  std::uint64_t stuck_at = ~std::uint64_t{0};  ///< the progress that was reported
  own_thread runner;
};

watchdog::watchdog(loop_core& core, const watchdog_options& opts, std::size_t stack_size)
    : core_(core), opts_(opts), thread_(thread::start(*this, stack_size)) {}

watchdog::~watchdog() {
  end();
  join();
  if (thread_->runner.joinable()) thread_->runner.detach();
}

void watchdog::join() noexcept {
  if (thread_->runner.joinable() && !thread_->runner.is_caller()) thread_->runner.join();
}

void watchdog::end() noexcept {
  const std::lock_guard lock(thread_->mutex);
  thread_->ended = true;
  thread_->changed.notify_one();
}

void watchdog::report(overdue::kind what, std::chrono::nanoseconds so_far,
                      std::source_location where) noexcept {
  const platform::cancellation_disabled while_writing;
  const overdue found{what, so_far, where, core_.name()};
  try {
    if (opts_.on_overdue) return opts_.on_overdue(found);
  } catch (...) {
    std::fputs("loopbridge: options::watchdog.on_overdue threw; it must not\n", stderr);
  }
  std::fprintf(stderr, "loopbridge: bridge '%s': %s %lld ms so far, submitted at %s\n",
               found.bridge, to_string(what), static_cast<long long>(so_far.count() / 1'000'000),
               where_text(where).c_str());
}

void running_callable::begin(std::source_location where) noexcept {
  where_ = where;
  reported_ = false;
  since_ = clock::now();
  watchdog::thread& thread = *watchdog_->thread_;
  const std::lock_guard lock(thread.mutex);
  outer_ = std::exchange(thread.innermost, this);
}

void running_callable::end() noexcept {
  const auto took = static_cast<std::uint64_t>((clock::now() - since_).count());
  counters& counts = watchdog_->core_.counts();
  if (took > counts.longest_call.get()) {
    counts.longest_call.set(took);
    counts.longest_from.set(where_);
  }
  if (!watchdog_->core_.is_this_process()) return;  // forked: whose lock?
  watchdog::thread& thread = *watchdog_->thread_;
  const std::lock_guard lock(thread.mutex);
  thread.innermost = outer_;
}

}  // namespace loopbridge::detail
