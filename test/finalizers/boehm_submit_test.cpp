// Finalizers of the Boehm collector: it runs them inside GC_MALLOC, on the thread that allocates,
// holding no lock of its own, or, on demand, wherever the program says.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <iterator>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "boehm.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("finalizers of the Boehm collector");

namespace {

using loopbridge::status;
using support::generous;

struct object {
  int test;
  int id;
  object* next;
  char ballast[200];
};

thread_local bool inside_gc_malloc = false;

void* gc_malloc(std::size_t size) {
  inside_gc_malloc = true;
  void* const made = GC_MALLOC(size);
  inside_gc_malloc = false;
  return made;
}

/// Objects with a finalizer, made and dropped, so that the collector finds them while others are
/// made. What it finds only after its test is not finalized any more.
class garbage {
 public:
  explicit garbage(std::function<void(object&)> finalizer) {
    boehm::start();
    ++test;
    finalize = std::move(finalizer);
  }
  ~garbage() { finalize = nullptr; }
  garbage(const garbage&) = delete;
  garbage& operator=(const garbage&) = delete;

  void make(int first, int end) {
    for (int id = first; id < end; ++id) {
      auto* const made = static_cast<object*>(gc_malloc(sizeof(object)));
      made->test = test;
      made->id = id;
      GC_REGISTER_FINALIZER_NO_ORDER(made, run, nullptr, nullptr, nullptr);
    }
  }

  /// Goes on until so many were finalized inside GC_MALLOC.
  void make_until_finalized_inside(int wanted) {
    while (inside < wanted) make(0, 1000);
  }

  bool collect(int wanted) {
    return boehm::collect_until([&] { return finalized >= wanted; });
  }

  // By any thread that allocates, which may be the loop's.
  std::atomic<int> finalized{0};
  std::atomic<int> inside{0};  ///< of these, inside GC_MALLOC
  std::atomic<int> accepted{0};

  void note(status s) {
    ++finalized;
    if (inside_gc_malloc) ++inside;
    if (s == status::accepted) ++accepted;
  }

 private:
  static void run(void* o, void*) {
    if (static_cast<object*>(o)->test == test && finalize) finalize(*static_cast<object*>(o));
  }

  static inline int test = 0;
  static inline std::function<void(object&)> finalize;
};

/// Each object that was finalized was heard of by the loop, once, and no other was.
void check_heard_once(loopbridge::bridge& b, const garbage& g, const std::vector<int>& heard) {
  CHECK(g.accepted == g.finalized);
  support::catch_up(b);
  CHECK(std::count(heard.begin(), heard.end(), 1) == g.accepted);
  CHECK(std::count(heard.begin(), heard.end(), 0) == std::ssize(heard) - g.accepted);
}

}  // namespace

TEST_CASE("30,000 finalizers inside GC_MALLOC fire one prepaid call: none fails, none is lost") {
  const support::watchdog dog;
  constexpr int count = 30000;
  std::uint64_t firings = 0;  // the loop's
  loopbridge::bridge b;
  loopbridge::reentrant_call call(b, [&](std::uint64_t n) { firings += n; });
  garbage g([&](object&) { g.note(call.post()); });
  g.make_until_finalized_inside(count);
  CHECK(g.accepted == g.finalized);
  support::catch_up(b);
  CHECK(firings == static_cast<std::uint64_t>(g.accepted));
}

TEST_CASE("objects with a prepaid call each: every one that is finalized is heard of, once") {
  const support::watchdog dog;
  constexpr int count = 3000;
  std::vector<int> heard(count);  // the loop's
  std::vector<std::unique_ptr<loopbridge::reentrant_call>> calls;
  loopbridge::bridge b;
  for (int& h : heard) {
    const auto hear = [&h](std::uint64_t firings) { h += static_cast<int>(firings); };
    calls.push_back(std::make_unique<loopbridge::reentrant_call>(b, hear));
  }
  garbage g([&](object& o) { g.note(calls[static_cast<std::size_t>(o.id)]->post()); });
  g.make(0, count);
  g.collect(count);
  CHECK(g.finalized > count * 9 / 10);
  check_heard_once(b, g, heard);
}

TEST_CASE("a finalizer that finds the pool exhausted keeps its object, and none is lost") {
  const support::watchdog dog;
  constexpr int count = 10000;
  std::vector<int> heard(count);  // the loop's
  loopbridge::bridge b(loopbridge::options{.reentrant_slots = 64});
  int exhausted = 0;
  static object* kept = nullptr;  // a root: what it leads to lives on
  const auto report = [&](object& o) {
    return b.post_reentrant([](int* h) { ++*h; }, &heard[static_cast<std::size_t>(o.id)]);
  };
  garbage g([&](object& o) {
    const status s = report(o);
    if (s != status::exhausted) return g.note(s);
    ++exhausted;
    o.next = std::exchange(kept, &o);  // no allocation: that would finalize others, without end
  });
  {
    const support::held_loop held(b);
    g.make(0, count / 2);
    boehm::collect_until([&] { return exhausted > 0; });
    CHECK(exhausted > 0);
    CHECK(g.accepted == 64);
  }
  g.make(count / 2, count);
  g.collect(count - exhausted);
  while (kept != nullptr) {
    support::catch_up(b);  // room for the next 64
    for (status s = status::accepted; kept != nullptr && s == status::accepted;) {
      s = report(*kept);
      if (s == status::exhausted) break;
      g.note(s);
      kept = kept->next;
    }
  }
  CHECK(g.finalized >= count * 9 / 10);
  check_heard_once(b, g, heard);
}

TEST_CASE("finalizers post in the ordinary way too, also in the middle of another post") {
  const support::watchdog dog;
  constexpr int count = 10000;
  std::vector<int> heard(count);  // the loop's
  static boehm::searched_memory searched;
  loopbridge::options opts = boehm::with_registered_loop();
  opts.memory =
      &searched;  // so that a post allocates from the collector, which may finalize others
  loopbridge::bridge b(std::move(opts));
  int depth = 0, nested = 0;
  const auto post = [&](auto f) {
    if (++depth > 1) ++nested;
    const status s = b.try_post(f);
    --depth;
    return s;
  };
  garbage g(
      [&](object& o) { g.note(post([&h = heard[static_cast<std::size_t>(o.id)]] { ++h; })); });
  for (int made = 0; made < count; made += 100) {
    GC_set_finalize_on_demand(1);
    g.make(made, made + 100);
    GC_gcollect();
    GC_set_finalize_on_demand(0);  // what was found is finalized by one of the next allocations
    for (int i = 0; i < 100; ++i) CHECK(post([] {}) == status::accepted);
  }
  g.collect(count);
  CHECK(g.finalized > count * 9 / 10);
  CHECK(nested > count / 2);
  check_heard_once(b, g, heard);
}

TEST_CASE("on demand: the notifier has the loop finalize, and finalizers submit from there") {
  const support::watchdog dog;
  constexpr int count = 30000;
  std::atomic<int> elsewhere{0}, waits_refused{0}, posted{0};
  loopbridge::bridge b(boehm::with_registered_loop());
  loopbridge::reentrant_call finalize_there(b, [] { GC_invoke_finalizers(); });
  garbage g([&](object&) {
    if (!b.on_loop_thread()) ++elsewhere;
    g.note(b.try_post([&] { ++posted; }));
    if (g.finalized % 1000 != 0) return;
    if (finalize_there.call_for(generous) == status::would_deadlock) ++waits_refused;
  });
  GC_set_finalize_on_demand(1);
  static loopbridge::reentrant_call* notified;
  notified = &finalize_there;
  GC_set_finalizer_notifier([] { (void)notified->post(); });
  g.make(0, count);
  boehm::collect_until([&] {
    gc_malloc(sizeof(object));  // is where the notifier is called
    support::catch_up(b);
    return g.finalized > count * 9 / 10;
  });
  GC_set_finalizer_notifier(nullptr);
  support::catch_up(b);
  support::catch_up(b);  // what finalizers posted during the first
  CHECK(g.finalized > count * 9 / 10);
  CHECK(elsewhere == 0);
  CHECK(g.accepted == g.finalized);
  CHECK(posted == g.accepted);
  CHECK(waits_refused == g.finalized / 1000);
}

TEST_CASE("a finalizer inside GC_MALLOC may wait, also for a call that allocates itself") {
  const support::watchdog dog;
  constexpr int count = 2000;
  bool allocates = false;
  SUBCASE("the call allocates nothing") {}
  SUBCASE("the call allocates, and so runs finalizers itself, on the loop") {
    allocates = true;
  }
  std::atomic<int> answered{0}, refused{0}, on_loop{0};
  std::uint64_t firings = 0;  // the loop's
  loopbridge::bridge b(boehm::with_registered_loop());
  loopbridge::reentrant_call call(b, [&](std::uint64_t n) {
    firings += n;
    if (allocates) std::memset(gc_malloc(1000), 1, 1000);
  });
  garbage g([&](object&) {
    const status s = call.call_for(generous);
    if (s == status::answered) ++answered;
    if (s == status::would_deadlock) ++refused;
    if (b.on_loop_thread()) ++on_loop;
    g.note(s);
  });
  g.make_until_finalized_inside(count);
  support::catch_up(b);
  CHECK(answered > 0);
  CHECK(refused == on_loop);
  CHECK(answered + refused == g.finalized);
  CHECK(firings == static_cast<std::uint64_t>(answered));
  CHECK((on_loop > 0) == allocates);
}
