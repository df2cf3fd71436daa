// What throws where: callables, their copies, results, hooks. See also outcome_test, law_09 and
// cancel_hook_test for callables and hooks that throw when they run.
#include <doctest/doctest.h>
#include <uv.h>

#include <loopbridge/loopbridge.hpp>
#include <stdexcept>

#include "support/counted.hpp"
#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/memory.hpp"

TEST_SUITE_BEGIN("faults: throw");

using loopbridge::bridge;
using loopbridge::options;
using support::counts;
using support::token;

namespace {

struct oops : std::runtime_error {
  oops() : std::runtime_error("oops") {}
};

/// Throws when it is copied or moved for the n-th time.
class brittle {
 public:
  brittle(int moves, counts& c) : left_(moves), c_(&c) { ++c.made; }
  brittle(const brittle& other) : left_(other.left_ - 1), c_(other.c_) {
    if (left_ < 0) throw oops();
    ++c_->made;
  }
  ~brittle() { ++c_->destroyed; }
  int operator()() const { return left_; }
  brittle operator()(bool) const { return *this; }

 private:
  int left_;
  counts* c_;
};

}  // namespace

TEST_CASE("a callable that throws on its way in is refused, whatever the call; nothing is left") {
  support::counting_memory memory;
  counts c;
  {
    options opts = support::with_each_doorbell();
    opts.memory = &memory;
    bridge b(opts);
    const long before = memory.bytes_in_use();
    int refused = 0;
    for (int moves = 0; moves < 6; ++moves) {  // at each copy that is made of it
      const brittle f(moves, c);
      const auto attempt = [&refused](auto&& work) {
        try {
          work();
        } catch (const oops&) {
          ++refused;
        }
      };
      attempt([&] { b.post(f); });
      attempt([&] { b.submit(f).get(); });
      attempt([&] { b.call(f); });
      attempt([&] { b.call_for(support::generous, f); });
      attempt([&] { loopbridge::reentrant_call r(b, f); });
      attempt([&] {
        loopbridge::completer<int> done;
        auto answer = b.submit([&] {
          done.on_cancel(f);
          return done.get_deferred();
        });
        answer.cancel();
        support::catch_up(b);
      });
    }
    support::catch_up(b);
    CHECK(refused >= 5);  // at least the first copy of each, but for the hook's, which is in a call
    CHECK(memory.bytes_in_use() == before);
    CHECK(b.call([] { return 7; }) == 7);
  }
  CHECK(c.alive() == 0);
  CHECK(memory.bytes_in_use() == 0);
}

TEST_CASE("a result that throws on its way out ends the call with that, and is destroyed") {
  counts c;
  bridge b(support::with_each_doorbell());
  int arrived = 0;
  int threw = 0;
  for (int moves = 0; moves < 8; ++moves) {
    const auto make = [&c, moves] { return brittle(moves, c); };
    const auto attempt = [&](auto&& work) {
      try {
        work();
        ++arrived;
      } catch (const oops&) {
        ++threw;
      }
    };
    attempt([&] { b.call(make); });
    attempt([&] { b.submit(make).get(); });
    attempt([&] {
      const auto kept = b.submit(make);
      (void)kept.get();                   // a look copies nothing
      const brittle copied = kept.get();  // a copy of the caller's
      (void)copied;
      (void)kept.get();  // and again
    });
    attempt([&] { b.call_for(support::generous, make); });
    attempt([&] {
      b.call([&] {
        loopbridge::completer<brittle> done;
        auto answer = done.get_deferred();
        done.resolve(moves, c);
        return answer;
      });
    });
  }
  CHECK(threw > 4);
  CHECK(arrived > 4);
  support::catch_up(b);
  CHECK(c.alive() == 0);
}

TEST_CASE("a resolve whose value throws resolves with that, on the loop or another thread") {
  counts c;
  bridge b(support::with_each_doorbell());
  loopbridge::completer<brittle> done;
  const auto answer = b.submit([&done] { return done.get_deferred(); });
  support::catch_up(b);
  const brittle never(0, c);
  CHECK(done.resolve(never));
  CHECK_THROWS_AS(answer.get(), oops);
  CHECK(b.call([] { return 7; }) == 7);
}

TEST_CASE("hooks of the options that throw are reported, and the bridge goes on") {
  support::error_log log;
  options opts = support::reporting_to(log);
  opts.on_thread_exit = [] { throw oops(); };
  opts.on_open_handle = [](const loopbridge::open_handle&) { throw 5; };
  bridge b(opts);
  b.post([] { throw oops(); });
  b.post([] { throw 7; });
  (void)b.submit([]() -> int { throw oops(); });
  (void)b.post_reentrant([] { throw oops(); });
  uv_timer_t timer;
  b.call([&](loopbridge::loop_ref loop) { uv_timer_init(loop, &timer); });
  b.stop();
  CHECK(log.wait_for(6));
  CHECK(log.size() == 6);
}

TEST_CASE("a callable whose destructor throws ends the process, as such destructors do" *
          doctest::skip(support::has_tsan)) {
  struct bad {
    bool armed = true;
    bad() = default;
    bad(bad&& other) noexcept { other.armed = false; }
    ~bad() noexcept(false) {
      if (armed) throw oops();
    }
    void operator()() const {}
  };
  CHECK(support::in_child([] {
          bridge b;
          b.post(bad());
          support::catch_up(b);
          return 1;
        }) == 300 + SIGABRT);
}
