// A process that ends with calls in flight: by exit, quick_exit or _exit, from wherever. It neither
// hangs nor crashes, and ends with its own exit code.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/owned.hpp>
#include <optional>
#include <thread>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"

// ThreadSanitizer ends a forked child that starts threads.
TEST_SUITE_BEGIN("faults: exit" * doctest::skip(support::has_tsan));

using loopbridge::bridge;
using loopbridge::options;
using loopbridge::status;

namespace {

constexpr int own_code = 3;

/// Never destroyed: what threads that are in flight at the end still hold.
template <class T>
T& kept(T&& value) {
  return *new T(std::forward<T>(value));
}

/// Threads in the middle of a call of every kind, for which `b` must live to the end.
void take_off(bridge& b) {
  static std::atomic<int> waiting{0};
  const auto in_flight = [](auto work) {
    std::thread([work]() mutable noexcept {
      try {
        for (;;) work();
      } catch (const loopbridge::error&) {  // stopped
      }
    }).detach();
  };
  in_flight([&b] { b.call([] { ++waiting; }); });
  in_flight([&b] { b.submit([] { return ++waiting; }).get(); });
  in_flight([&b] { b.post([] { ++waiting; }), std::this_thread::yield(); });
  in_flight([&b] {
    auto& done = kept(loopbridge::completer<int>());
    ++waiting;
    b.call([&done] { return done.get_deferred(); });  // never answered
  });
  while (waiting < 100) std::this_thread::yield();
}

/// A static bridge, destroyed at exit, and what outlives it.
struct statics {
  explicit statics(const options& opts)
      : b(opts), prepaid(b, [] {}), unanswered(b.submit([this] { return done.get_deferred(); })) {}
  bridge b;
  loopbridge::reentrant_call prepaid;
  loopbridge::completer<int> done;
  loopbridge::eventual<int> unanswered;
};

}  // namespace

TEST_CASE("exit, quick_exit and _exit end a process while calls of all kinds are in flight") {
  const options opts = support::with_each_doorbell();
  void (*const ends[])() = {[] { std::exit(own_code); }, [] { std::quick_exit(own_code); },
                            [] { _exit(own_code); }};
  for (const auto end : ends) {
    CAPTURE(&end - ends);
    CHECK(support::in_child([&] {
            take_off(kept(bridge(opts)));
            end();
            return 1;
          }) == own_code);
    CHECK(support::in_child([&] {  // from a call on the loop's thread
            bridge& b = kept(bridge(opts));
            take_off(b);
            b.call([&] { end(); });
            return 1;
          }) == own_code);
  }
}

TEST_CASE(
    "static bridges and handles are destroyed at exit, on whichever thread exit() is called") {
  const options opts = support::with_each_doorbell();
  for (const bool on_the_loop : {false, true}) {
    CAPTURE(on_the_loop);
    CHECK(support::in_child([&] {
            static statics s(opts);
            static loopbridge::eventual<int> earlier_than_nothing = s.b.submit([] { return 1; });
            static auto& waited_for = kept(s.b.submit([] { return s.done.get_deferred(); }));
            std::thread([]() noexcept {
              try {
                waited_for.wait();
              } catch (const loopbridge::error&) {
              }
            }).detach();
            support::catch_up(s.b);
            std::atexit([] {  // before the destructors above
              if (s.prepaid.post() != status::accepted) _exit(20);
              s.b.post([] {});
            });
            if (on_the_loop) s.b.call([] { std::exit(own_code); });
            std::exit(own_code);
            return 1;
          }) == own_code);
  }
}

TEST_CASE("a static owner ends before its bridge at exit, or after it: its object has ended once") {
  const options opts = support::with_each_doorbell();
  for (const bool outlives : {false, true}) {
    CAPTURE(outlives);
    CHECK(support::in_child([&] {
            static std::atomic<int> ends{0};
            std::atexit([] { _exit(ends == 1 ? own_code : 20); });  // after all destructors below
            struct counted {
              ~counted() { ++ends; }
            };
            using owner = loopbridge::owned<counted>;
            static std::optional<owner> later;
            static std::optional<bridge> b(opts);
            static std::optional<owner> earlier;
            (outlives ? later : earlier).emplace(*b, [] { return counted(); });
            std::exit(1);
            return 1;
          }) == own_code);
  }
}

TEST_CASE("a firing in atexit finds the bridge stopped if that was destroyed before") {
  const options opts = support::with_each_doorbell();
  CHECK(support::in_child([&] {
          static loopbridge::reentrant_call* prepaid = nullptr;
          std::atexit([] {  // registered before the bridge is made: runs after its end
            _exit(prepaid->post() == status::bridge_stopped ? own_code : 20);
          });
          static bridge b(opts);
          prepaid = &kept(loopbridge::reentrant_call(b, [] {}));
          support::catch_up(b);
          std::exit(1);
          return 1;
        }) == own_code);
}

TEST_CASE("at quick_exit nothing is destroyed, and handlers may still submit and wait") {
  const options opts = support::with_each_doorbell();
  CHECK(support::in_child([&] {
          static statics s(opts);
          support::catch_up(s.b);
          std::at_quick_exit([] {
            if (s.b.call([] { return 5; }) != 5) _exit(20);
            if (s.prepaid.post() != status::accepted) _exit(21);
          });
          std::quick_exit(own_code);
          return 1;
        }) == own_code);
}
