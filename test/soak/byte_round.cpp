#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>

#include "operations.hpp"
#include "round.hpp"
#include "stage.hpp"

namespace soak {
namespace {

/// A second thread that does what it is told to, so that the bytes decide not only what happens but
/// also, as far as may be, when.
class second_hand {
 public:
  explicit second_hand(stage& s) : thread_([this, &s]() noexcept { run(s); }) {}
  ~second_hand() {
    wait();
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  second_hand(const second_hand&) = delete;
  second_hand& operator=(const second_hand&) = delete;

  /// Has it do what `choices` say, once it is through with the last thing.
  void have(std::span<const std::uint8_t> choices) {
    wait();
    {
      const std::lock_guard lock(mutex_);
      order_ = choices;
      busy_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !busy_; });
  }

 private:
  void run(stage& s) {
    const acting act(s, 2);
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return busy_ || done_; });
      if (done_) return;
      lock.unlock();
      byte_choices c(order_);
      perform(s.in(), c);
      lock.lock();
      busy_ = false;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::span<const std::uint8_t> order_;
  bool busy_ = false;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace

void play_bytes(account& books, tally& counts, std::span<const std::uint8_t> bytes) {
  const under_watch watched;
  byte_choices c(bytes);
  stage s(books, counts, c);
  s.start_helping(0, false);
  for (const auto& each : s.in().stations) each->await_first_turn();
  {
    acting act(s, 1);
    {
      second_hand other(s);
      for (int n = 0; c.more() && n < 100; ++n) {
        switch (c.below(8)) {
          case 6:
            other.have(c.take(8));
            break;
          case 7:
            other.have(c.take(8));
            other.wait();
            break;
          default:
            perform(s.in(), c);
        }
      }
    }
    act.leave_bridges();
    if (c.below(2) == 0) s.await_quiet();
    s.end_bridges(c);
  }
  s.stop_helping();
  s.settle();
}

}  // namespace soak
