// Threads that end, or leave, in the middle of a call: pthread_cancel, pthread_exit, siglongjmp.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <optional>

#include "stepping/support/stepper.hpp"
#include "support/app_loop.hpp"
#include "support/doorbells.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"
#include "support/until.hpp"

// AddressSanitizer takes the frames that a cancelled thread unwinds for ones that are still in use.
TEST_SUITE_BEGIN("faults: ends of threads" * doctest::skip(support::has_asan));

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::status;

namespace {

/// A thread that can be cancelled. (A std::thread is unwound through noexcept code.)
class cancellable {
 public:
  explicit cancellable(std::function<void()> f) : f_(std::move(f)) {
    REQUIRE(pthread_create(
                &thread_, nullptr,
                [](void* self) -> void* {
                  static_cast<cancellable*>(self)->f_();
                  return nullptr;
                },
                this) == 0);
  }
  void cancel() { pthread_cancel(thread_); }
  /// True: it ended by the cancelling.
  bool was_cancelled() {
    void* result = nullptr;
    pthread_join(thread_, &result);
    return result == PTHREAD_CANCELED;
  }

 private:
  const std::function<void()> f_;
  pthread_t thread_{};
};

/// Runs `f` on a thread whose cancelling is pending when it begins. True: `f` came to its end, and
/// the thread went at its next own cancellation point.
bool with_cancel_pending(const std::function<void()>& f) {
  std::atomic<bool> finished{false};
  const support::gate cancelled;
  cancellable t([&] {
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    (void)cancelled.wait();  // the test's gate is a cancellation point
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    f();
    finished = true;
    pthread_testcancel();
  });
  t.cancel();
  cancelled.open();
  return t.was_cancelled() && finished;
}

}  // namespace

TEST_CASE("a pending cancel ends no submitter inside a call, and the bridge serves all others") {
  const options opts = support::with_each_doorbell();
  bridge b(opts);
  loopbridge::reentrant_call prepaid(b, [] {});
  std::atomic<int> ran{0};
  const auto run = [&ran] { return ++ran; };
  const std::function<void()> submissions[] = {
      [&] { b.post(run); },
      [&] { (void)b.try_post([&ran] { ++ran; }); },
      [&] { b.submit(run).get(); },
      [&] { b.call(run); },
      [&] { b.call_for(support::generous, run); },
      [&] {
        (void)b.post_reentrant([](std::atomic<int>* n) { ++*n; }, &ran);
        support::until_asleep(b);
        (void)prepaid.post();
      },
      [&] {
        (void)b.submit(run).cancel();
        b.call(run);
      },
  };
  for (const auto& submit : submissions) {
    CAPTURE(&submit - submissions);
    support::until_asleep(
        b);  // so that it has to be rung: libuv writes, which is a cancellation point
    const int before = ran;
    CHECK(with_cancel_pending(submit));
    CHECK(b.call_for(support::generous, [] { return 7; }) == 7);
    CHECK(ran > before);
  }
}

TEST_CASE("a waiter that is cancelled gets its answer first, since its frame holds the call") {
  bridge b(support::with_each_doorbell());
  for (const bool by_call : {true, false}) {
    CAPTURE(by_call);
    const support::gate begun;
    const support::gate go_on;
    std::atomic<pid_t> waiter{0};
    std::atomic<int> got{0};
    cancellable t([&] {
      waiter = gettid();
      const auto wait = [begun, go_on] {
        begun.open();
        return go_on.wait() ? 5 : 6;
      };
      got = by_call ? b.call(wait) : b.submit(wait).get();
      pthread_testcancel();
    });
    CHECK(begun.wait());
    REQUIRE(support::comes_true([&] { return support::sleeps(waiter); }));
    t.cancel();
    CHECK(got == 0);  // it waits on
    go_on.open();
    CHECK(t.was_cancelled());
    CHECK(got == 5);
  }
}

TEST_CASE(
    "a cancel in start, stop or destruction takes effect after it: nothing is left half done") {
  const options opts = support::with_each_doorbell();
  {
    const bridge first(opts);
  }
  const auto before = support::resources::in_use();
  std::optional<bridge> b;
  CHECK(with_cancel_pending([&] { b.emplace(opts); }));
  CHECK(b->call_for(support::generous, [] { return 7; }) == 7);
  auto kept = b->submit([] { return 1; });
  CHECK(with_cancel_pending([&] { b->stop(); }));
  CHECK(with_cancel_pending([&] { b.reset(); }));
  CHECK(with_cancel_pending([&] { kept = {}; }));  // the last handle closes the descriptor
  CHECK(before.are_back());
  // A thread that is cancelled while it waits in stop() waits to the end.
  b.emplace(opts);
  support::held_loop held(*b);
  std::atomic<pid_t> waiter{0};
  std::atomic<bool> stopped{false};
  cancellable t([&] {
    waiter = gettid();
    b->stop();
    stopped = true;
    pthread_testcancel();
  });
  REQUIRE(support::comes_true([&] { return b->stop_requested() && support::sleeps(waiter); }));
  t.cancel();
  held.release();
  CHECK(t.was_cancelled());
  CHECK(stopped);
}

TEST_CASE("a cancel neither ends a loop's thread nor cuts a call on an adopted loop short") {
  bridge b(support::with_each_doorbell());
  b.call([] { pthread_cancel(pthread_self()); });
  b.call([] { (void)fcntl(0, F_GETFD), pthread_testcancel(); });  // both cancellation points
  CHECK(b.call_for(support::generous, [] { return 7; }) == 7);

  for (const bool stopped_inside : {false, true}) {
    CAPTURE(stopped_inside);
    support::app_loop app;
    bridge adopted = bridge::adopt(&app.loop);
    std::atomic<int> ran{0};
    std::atomic<int> hooks{0};
    loopbridge::completer<int> done;
    const auto unanswered = adopted.submit([&] {
      done.on_cancel([&hooks] {
        pthread_testcancel();
        ++hooks;
      });
      return done.get_deferred();
    });
    adopted.post([&] {
      pthread_cancel(pthread_self());  // not before: libuv's poll is a cancellation point too
      pthread_testcancel();
      ++ran;
      if (stopped_inside) adopted.stop();
    });
    cancellable t([&] {
      uv_run(&app.loop, UV_RUN_NOWAIT);
      adopted.stop();
      pthread_testcancel();
    });
    CHECK(t.was_cancelled());
    CHECK(ran == 1);
    CHECK(hooks == 1);
    CHECK_THROWS_AS(unanswered.get(), loopbridge::bridge_stopped);
  }
}

TEST_CASE("a thread that exits with answers in its hands has them dropped; its calls run") {
  bridge b(support::with_each_doorbell());
  std::atomic<int> ran{0};
  cancellable t([&] {
    support::held_loop held(b);
    const auto dropped = b.submit([&ran] { return ++ran; });
    b.post([&ran] { ++ran; });
    pthread_exit(nullptr);
  });
  CHECK_FALSE(t.was_cancelled());
  support::catch_up(b);
  CHECK(ran == 2);
}

TEST_CASE(
    "pthread_exit in a call on the loop's thread ends the process, which would wait for ever" *
    doctest::skip(support::has_asan || support::has_tsan)) {
  CHECK(support::in_child([] {
          bridge b;
          b.call([] { pthread_exit(nullptr); });
          return 1;
        }) == 300 + SIGABRT);
}

namespace {

// For the handler that leaves.
sigjmp_buf way_out;

/// Has a handler leave `operation` by siglongjmp at every second of its instructions. The operation
/// is a submission of a call that counts in its argument.
template <class Operation>
void leave_everywhere(const char* name, bridge& b, Operation&& operation) {
  static std::atomic<int> ran[1000];
  for (auto& r : ran) r = 0;
  const auto leave = [] { siglongjmp(way_out, 1); };
  static unsigned at;
  static unsigned points;
  static bool left;
  points = 0;
  operation(ran[0]);
  for (at = 1; points < 999; at += 2) {
    support::until_asleep(b);
    stepping::interruption once(leave);
    left = true;
    if (sigsetjmp(way_out, 1) == 0) {
      once.start({at, 0, 0});
      operation(ran[points + 1]);
      left = false;
    }
    once.finish();
    // Others are served, whatever the one that left was about to do, and so is its next call.
    REQUIRE(b.call_for(support::generous, [] { return 7; }) == 7);
    CHECK(ran[points + 1] <= 1);
    if (!left) break;
    ++points;
  }
  std::printf("left by siglongjmp at %u instructions of %s\n", points, name);
  CHECK(points > 20);
  CHECK(ran[points + 1] == 1);  // the one that nobody left
}

}  // namespace

TEST_CASE("a handler may leave a post or submit by siglongjmp: the call runs once or not at all" *
          doctest::skip(!stepping::available)) {
  bridge b;  // with the self-pipe; libuv's doorbell would stay locked
  leave_everywhere("post", b, [&](std::atomic<int>& n) { b.post([&n] { ++n; }); });
  leave_everywhere("submit", b, [&](std::atomic<int>& n) { (void)b.submit([&n] { ++n; }); });
  leave_everywhere("get", b, [&](std::atomic<int>& n) { b.submit([&n] { ++n; }).wait(); });
  b.stop();
}
