// Law 4: a wake-up may be left out only where the loop is known to look again by itself, or where
// the write has completed.
//
// The list and three wake policies, stepped in isolation: a sender is interrupted at every
// instruction by a handler that submits and waits. Ours must never hang. The other two are the ones
// that everybody writes, and are the negative controls: the handler's wake-up is swallowed by the
// frame that it has interrupted.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <loopbridge/detail/sync/inbox.hpp>
#include <thread>

#include "stepping/support/sweep.hpp"

TEST_SUITE_BEGIN("law 4: a suspended frame owes nobody a wake-up");

using namespace std::chrono_literals;
namespace detail = loopbridge::detail;

namespace {

struct call final : detail::operation {
  detail::call_base* run(detail::loop_core&) noexcept override { return nullptr; }
  detail::call_base* refuse(detail::loop_core&) noexcept override { return nullptr; }
  std::atomic<int> runs{0};
};

enum class policy {
  mark_after_write,   ///< ours: inbox
  mark_before_write,  ///< a pending flag set by the sender, as in uv_async_send
  wake_if_empty,      ///< only the push that finds the list empty writes
};

/// The least that sleeps on a list: a thread in poll().
class consumer : public detail::inbox<consumer> {
 public:
  explicit consumer(policy p) : policy_(p), fd_(eventfd(0, EFD_NONBLOCK)) {
    REQUIRE(fd_ >= 0);
    thread_ = std::jthread([this](const std::stop_token& stop) noexcept { work(stop); });
  }
  ~consumer() {
    thread_.request_stop();
    write_doorbell();
    thread_.join();
    ::close(fd_);
  }
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;

  void submit(call& c) noexcept {
    switch (policy_) {
      case policy::mark_after_write:
        (void)inbox::submit(c);
        break;
      case policy::mark_before_write:
        list().push(c);
        if (!pending_.exchange(true)) write_doorbell();
        break;
      case policy::wake_if_empty: {
        const bool was_empty = !has_news();
        list().push(c);
        if (was_empty) write_doorbell();
        break;
      }
    }
  }

  void wait_until_asleep() const {
    while (policy_ == policy::mark_after_write ? !is_asleep() : !sleeping_.load()) {
      std::this_thread::yield();
    }
  }

 private:
  friend class detail::inbox<consumer>;
  void ring() noexcept { write_doorbell(); }
  void write_doorbell() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(fd_, &one, sizeof(one));
  }

  void work(const std::stop_token& stop) noexcept {
    while (!stop.stop_requested()) {
      arm();
      sleeping_ = true;
      // The two unsafe policies look only once they are woken; ours looks once more.
      const bool look = policy_ == policy::mark_after_write && has_news();
      pollfd readable{fd_, POLLIN, 0};
      poll(&readable, 1, look ? 0 : -1);
      sleeping_ = false;
      disarm();
      std::uint64_t rings;
      [[maybe_unused]] const auto got = read(fd_, &rings, sizeof(rings));
      pending_ = false;
      for (detail::operation* n = list().take().oldest; n != nullptr;) {
        detail::operation* const next = n->next;
        static_cast<call*>(n)->runs.fetch_add(1);
        n = next;
      }
    }
  }

  const policy policy_;
  const int fd_;
  std::atomic<bool> pending_{false};
  std::atomic<bool> sleeping_{false};
  std::jthread thread_;
};

bool runs_within(const call& c, std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (c.runs == 0) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

/// Every boundary of one submit, by a sender whose handler submits and waits. Stops early once
/// `enough` hangs have been seen.
stepping::report sweep(policy p, std::chrono::milliseconds patience, unsigned enough) {
  stepping::report r;
  consumer target(p);
  const auto visit = [&](const stepping::boundary& at) {
    target.wait_until_asleep();
    call outer;
    call inner;
    bool answered = false;
    const bool visited = stepping::interrupt_at(
        at, [&] { target.submit(outer); },
        [&] {
          target.submit(inner);
          answered = runs_within(inner, patience);
        });
    REQUIRE(runs_within(outer, 20s));
    if (!visited) return false;
    REQUIRE(runs_within(inner, 20s));  // late at worst: the interrupted frame goes on in the end
    ++r.points;
    if (!answered) ++r.hung;
    if (outer.runs > 1 || inner.runs > 1) ++r.doubled;
    return true;
  };
  target.wait_until_asleep();
  call first;
  const stepping::path way = stepping::path_of([&] { target.submit(first); });
  REQUIRE(runs_within(first, 20s));
  stepping::for_each_boundary(r, way, {}, visit, [&] { return r.hung >= enough; });
  return r;
}

}  // namespace

TEST_CASE("marked as rung only after the write, the inbox never leaves a waiting handler hanging" *
          doctest::skip(!stepping::available)) {
  const stepping::report r = sweep(policy::mark_after_write, 20s, 1);
  stepping::print("inbox: marked after the write", r);
  CHECK(r.points > 20);
  CHECK(r.hung == 0);
  CHECK(r.doubled == 0);
}

TEST_CASE("negative control: marked before the write, waiting handlers hang" *
          doctest::skip(!stepping::available)) {
  const stepping::report r = sweep(policy::mark_before_write, 400ms, 5);
  stepping::print("control: marked before the write", r);
  CHECK(r.hung == 5);
}

TEST_CASE("negative control: woken only when the list was empty, waiting handlers hang" *
          doctest::skip(!stepping::available)) {
  const stepping::report r = sweep(policy::wake_if_empty, 400ms, 5);
  stepping::print("control: wake if it was empty", r);
  CHECK(r.hung == 5);
}
