// Law 3: at each instruction boundary of every submit-path function a handler on the same thread
// may submit, and may await the answer.
//
// Each case steps through one function, interrupting it at every boundary, once with a handler that
// submits and once with one that submits and waits. The last case is the negative control: the same
// harness on uv_async_send, where waiting handlers must be seen to hang.
#include <doctest/doctest.h>
#include <errno.h>

#include <atomic>
#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>

#include "support/bridge_access.hpp"
#include "support/stepper.hpp"

TEST_SUITE_BEGIN("law 3: reentrant at every instruction");

using namespace std::chrono_literals;
using loopbridge::status;

namespace {

constexpr auto patience = 20s;  // far above any scheduling delay: reached only by a real hang

/// A bridge with one call of each handler-side kind, and counts of what ran.
class subject {
 public:
  explicit subject(loopbridge::doorbell kind)
      : bridge(loopbridge::options{.doorbell = kind}),
        fired(bridge, [this](std::uint64_t firings) { nested_runs += firings; }),
        outer_fired(bridge, [this](std::uint64_t firings) { outer_runs += firings; }) {}

  /// Until the loop is asleep, so that the operation has to ring.
  void wait_until_asleep() {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!loopbridge::bridge_access::core(bridge).is_asleep()) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::yield();
    }
  }

  std::atomic<std::uint64_t> nested_runs{0};
  std::atomic<std::uint64_t> outer_runs{0};
  loopbridge::bridge bridge;
  loopbridge::reentrant_call fired;
  loopbridge::reentrant_call outer_fired;
};

/// What the handler does at the boundary. It reports what it got.
using handler = std::function<status(subject&)>;

status submits_from_pool(subject& s) {
  return s.bridge.post_reentrant([](subject* p) { ++p->nested_runs; }, &s);
}
status submits_prepaid(subject& s) {
  return s.fired.post();
}
status submits_and_waits(subject& s) {
  return s.fired.call_for(patience);
}

/// Asleep; or in a callable until the operation is over, or until the handler comes.
enum class loop_is { asleep, held, held_until_handler };

/// Steps `operation`, which must lead to exactly `runs` outer runs, with `nested` at each boundary.
stepping::report sweep(subject& s, loop_is state, const std::function<void(subject&)>& operation,
                       const handler& nested, std::uint64_t runs = 1) {
  stepping::report r;
  for (int i = 0; i < 3; ++i) operation(s);  // warm: first uses of a thread's own storage
  s.bridge.call_for(patience, [] {});
  unsigned over = 0;
  // The path is not equally long each time (recycled memory or new), so one short run is not the
  // end.
  for (unsigned k = 1; over < 3; ++k) {
    s.nested_runs = 0;
    s.outer_runs = 0;
    std::atomic<bool> release{state == loop_is::asleep};
    if (state != loop_is::asleep) {
      std::atomic<bool> held{false};
      s.bridge.post([&] {
        held = true;
        while (!release) std::this_thread::yield();
      });
      while (!held) std::this_thread::yield();
    } else {
      s.wait_until_asleep();
    }
    status got = status::accepted;
    int errno_after = 0;
    const bool fired = stepping::interrupt_at(
        k, [&] { operation(s); },
        [&] {
          if (state == loop_is::held_until_handler) release = true;
          errno = 4242;
          got = nested(s);
          errno_after = errno;
        });
    release = true;
    s.bridge.call_for(patience, [] {});  // in order: everything accepted has run after this
    if (s.outer_runs < runs) ++r.lost;
    if (s.outer_runs > runs) ++r.doubled;
    if (!fired) {
      ++over;
      continue;
    }
    over = 0;
    ++r.points;
    CHECK(errno_after == 4242);
    if (got == status::timed_out) {
      ++r.hung;
    } else if (got != status::accepted && got != status::answered) {
      ++r.refused;
    } else if (s.nested_runs == 0) {
      ++r.lost;
    }
    if (s.nested_runs > 1) ++r.doubled;
  }
  return r;
}

const char* name_of(loopbridge::doorbell kind) {
  return kind == loopbridge::doorbell::self_pipe ? "self_pipe" : "uv_async";
}

/// All handlers that the doorbell allows, with the loop asleep and with the loop held in a
/// callable.
void step_through(const char* function, const std::function<void(subject&)>& operation) {
  for (const auto kind : {loopbridge::doorbell::self_pipe, loopbridge::doorbell::uv_async}) {
    subject s(kind);
    const auto step = [&](const char* what, loop_is state, const handler& nested) {
      const stepping::report r = sweep(s, state, operation, nested);
      const std::string scenario = std::string(function) + ", " + name_of(kind) + ", " +
                                   (state == loop_is::asleep ? "asleep" : "held") + ", handler " +
                                   what;
      stepping::print(scenario.c_str(), r);
      CAPTURE(scenario);
      CHECK(r.points > 20);
      CHECK(r.lost == 0);
      CHECK(r.doubled == 0);
      CHECK(r.hung == 0);
      CHECK(r.refused == 0);
    };
    for (const loop_is state : {loop_is::asleep, loop_is::held}) {
      step("submits (pool)", state, submits_from_pool);
      step("submits (prepaid)", state, submits_prepaid);
    }
    if (kind == loopbridge::doorbell::self_pipe) {
      step("submits and waits", loop_is::asleep, submits_and_waits);
    }
  }
}

}  // namespace

TEST_CASE("post() may be interrupted anywhere" * doctest::skip(!stepping::available)) {
  step_through("post", [](subject& s) { s.bridge.post([&s] { ++s.outer_runs; }); });
}

TEST_CASE("try_post() may be interrupted anywhere" * doctest::skip(!stepping::available)) {
  step_through("try_post", [](subject& s) { (void)s.bridge.try_post([&s] { ++s.outer_runs; }); });
}

TEST_CASE("submit() may be interrupted anywhere" * doctest::skip(!stepping::available)) {
  step_through("submit", [](subject& s) { (void)s.bridge.submit([&s] { ++s.outer_runs; }); });
}

TEST_CASE("post_reentrant() may be interrupted anywhere" * doctest::skip(!stepping::available)) {
  step_through("post_reentrant", [](subject& s) {
    (void)s.bridge.post_reentrant([](subject* p) { ++p->outer_runs; }, &s);
  });
}

TEST_CASE("reentrant_call::post() may be interrupted anywhere" *
          doctest::skip(!stepping::available)) {
  step_through("reentrant_call::post", [](subject& s) { (void)s.outer_fired.post(); });
}

TEST_CASE("the same reentrant_call may be fired from inside itself" *
          doctest::skip(!stepping::available)) {
  subject s(loopbridge::doorbell::self_pipe);
  for (const bool waits : {false, true}) {
    const stepping::report r = sweep(
        s, loop_is::asleep,
        [](subject& t) {
          (void)t.fired.post();
          ++t.outer_runs;
        },
        [&](subject& t) { return waits ? t.fired.call_for(patience) : t.fired.post(); });
    stepping::print(waits ? "reentrant_call::post, inside itself, handler waits"
                          : "reentrant_call::post, inside itself",
                    r);
    CHECK(r.points > 20);
    CHECK(r.hung == 0);
    CHECK(r.lost == 0);
    CHECK(r.refused == 0);
    CHECK(r.doubled == r.points);  // the same callable counts both: none lost, none too many
  }
}

TEST_CASE("call() may be interrupted anywhere, also while it waits" *
          doctest::skip(!stepping::available)) {
  subject s(loopbridge::doorbell::self_pipe);
  const auto call = [](subject& t) { t.bridge.call([&t] { ++t.outer_runs; }); };
  for (const bool waits : {false, true}) {
    const stepping::report r =
        sweep(s, loop_is::asleep, call, waits ? submits_and_waits : submits_from_pool);
    stepping::print(waits ? "call, handler submits and waits" : "call, handler submits (pool)", r);
    CHECK(r.points > 20);
    CHECK(r.lost == 0);
    CHECK(r.doubled == 0);
    CHECK(r.hung == 0);
    CHECK(r.refused == 0);
  }
}

TEST_CASE("a handler that interrupts malloc may wait: the loop's own work does not need it" *
          doctest::skip(!stepping::available)) {
  subject s(loopbridge::doorbell::self_pipe);
  struct too_large_to_recycle {
    explicit too_large_to_recycle(subject& t) : s(&t) {}
    too_large_to_recycle(const too_large_to_recycle& other) : s(other.s) {}  // the pointer only
    void operator()() const { ++s->outer_runs; }
    subject* s;
    char ballast[20000];
  };
  // The loop runs and releases the first while the thread is interrupted in malloc for the second.
  const stepping::report r = sweep(
      s, loop_is::held_until_handler,
      [](subject& t) {
        t.bridge.post(too_large_to_recycle(t));
        t.bridge.post(too_large_to_recycle(t));
      },
      submits_and_waits, 2);
  stepping::print("post twice through malloc and free, handler waits", r);
  CHECK(r.points > 500);
  CHECK(r.lost == 0);
  CHECK(r.doubled == 0);
  CHECK(r.hung == 0);
}

TEST_CASE("negative control: on uv_async_send this harness sees waiting handlers hang" *
          doctest::skip(!stepping::available)) {
  subject s(loopbridge::doorbell::uv_async);
  CHECK(s.fired.call_for(1s) == status::unsupported);  // which is why the library refuses it
  unsigned hangs_to_see = 5;
  const stepping::report r = sweep(
      s, loop_is::asleep, [](subject& t) { t.bridge.post([&t] { ++t.outer_runs; }); },
      [&](subject& t) {
        const status got = submits_from_pool(t);
        if (got != status::accepted || hangs_to_see == 0) return got;
        const auto until = std::chrono::steady_clock::now() + 400ms;
        while (t.nested_runs == 0) {
          if (std::chrono::steady_clock::now() > until) {
            --hangs_to_see;
            return status::timed_out;
          }
        }
        return status::answered;
      });
  stepping::print("control: post, uv_async, handler waits anyway", r);
  CHECK(r.hung == 5);
  CHECK(r.lost == 0);  // without waiting, uv_async_send loses nothing
}
