// Negative control of queue_test.cpp: a queue whose putters wake less, which the harness must see
// hang.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <loopbridge/handlers/reentrant_queue.hpp>
#include <loopbridge/loopbridge.hpp>
#include <thread>

#include "stepping/support/stepped_bridge.hpp"
#include "stepping/support/sweep.hpp"
#include "support/patience.hpp"
#include "sync/futex.hpp"

TEST_SUITE_BEGIN("stepping: negative control of the queue");

using namespace stepping;
using namespace std::chrono_literals;
namespace detail = loopbridge::detail;

TEST_CASE("negative control: a queue that wakes only if it was empty leaves the handler waiting" *
          doctest::skip(!available)) {
  // The same list and the same sleep, but for the waker.
  class wakes_if_empty {
   public:
    wakes_if_empty() : getter_([this](const std::stop_token& s) noexcept { get_all(s); }) {}
    ~wakes_if_empty() {
      getter_.request_stop();
      wake();
    }
    void put(detail::queue_node& n) noexcept {
      list_.push(n);
      if (n.next == nullptr) wake();
    }
    bool waits_for(int number, std::chrono::milliseconds time) const {
      const auto until = std::chrono::steady_clock::now() + time;
      while (got_ < number) {
        if (std::chrono::steady_clock::now() > until) return false;
      }
      return true;
    }
    void until_asleep() const {
      REQUIRE(support::comes_true([&] { return sleeps_.load(); }));
    }
    void reset() { got_ = 0; }

   private:
    void wake() noexcept {
      word_.fetch_add(1);
      detail::futex_wake_all(word_);
    }
    void get_all(const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const std::uint32_t word = word_.load();
        std::size_t count = 0;
        list_.take(count);
        got_ += static_cast<int>(count);
        if (count != 0) continue;
        sleeps_ = true;
        detail::futex_wait(word_, word, detail::no_deadline, process_);
        sleeps_ = false;
      }
    }

    const detail::process_mark process_;
    detail::submission_list<detail::queue_node> list_;
    std::atomic<std::uint32_t> word_{0};
    std::atomic<int> got_{0};
    std::atomic<bool> sleeps_{false};
    std::jthread getter_;
  };
  report r;
  wakes_if_empty queue;
  detail::queue_node outer, inner;
  const auto operation = [&] { queue.put(outer); };
  queue.until_asleep();
  const path way = path_of(operation);
  REQUIRE(queue.waits_for(1, patience));
  for_each_boundary(
      r, way, {},
      [&](const boundary& at) {
        queue.reset();
        queue.until_asleep();
        bool answered = false;
        const bool visited = interrupt_at(at, operation, [&] {
          queue.put(inner);
          answered = queue.waits_for(1, 400ms);
        });
        REQUIRE(queue.waits_for(visited ? 2 : 1, patience));
        if (visited) ++r.points;
        if (visited && !answered) ++r.hung;
        return visited;
      },
      [&] { return r.hung >= 5; });
  print("control: a queue that wakes if it was empty", r);
  CHECK(r.hung == 5);
}
