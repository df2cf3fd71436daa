// Results that wait in the stash for whoever has their number.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/doorbells.hpp"
#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"

namespace {

/// Runs within each allocation of this thread, as a collector's finalizers do.
thread_local void (*finalizer)() = nullptr;

void* allocate(std::size_t size) {
  if (void (*const f)() = std::exchange(finalizer, nullptr); f != nullptr) {
    f();
    finalizer = f;
  }
  if (void* const block = std::malloc(size)) return block;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

TEST_SUITE_BEGIN("stash");

using loopbridge::bridge;
using loopbridge::eventual;
using loopbridge::not_stashed;
using loopbridge::result_id;
using loopbridge::retrieve;
using loopbridge::stash;

TEST_CASE("a stashed result is had once, by its number, from another thread") {
  bridge b(support::with_each_doorbell());
  const result_id id = stash(b.submit([] { return std::string("kept"); }));
  std::string got;
  std::thread([&]() noexcept { got = retrieve<std::string>(id).get(); }).join();
  CHECK(got == "kept");
  CHECK_THROWS_WITH_AS((void)retrieve<std::string>(id),
                       doctest::Contains("retrieved already, or never stashed"), not_stashed);
}

TEST_CASE("it may be stashed and retrieved before it is there, and of any type") {
  bridge b;
  int there = 0;
  std::optional<support::held_loop> held(b);
  const result_id nothing = stash(b.submit([] {}));
  const result_id reference = stash(b.submit([&there]() -> int& { return there; }));
  const result_id owned = stash(b.submit([] { return std::make_unique<int>(3); }));
  eventual<void> first = retrieve<void>(nothing);
  CHECK_FALSE(first.ready());
  held.reset();
  first.get();
  CHECK(&retrieve<int&>(reference).get() == &there);
  CHECK(*retrieve<std::unique_ptr<int>>(owned).get() == 3);
}

TEST_CASE("asking for a wrong type is an error that names the right one, and loses nothing") {
  bridge b;
  const result_id id = stash(b.submit([] { return 7; }));
  CHECK_THROWS_WITH_AS((void)retrieve<long>(id), doctest::Contains("retrieve<int>()"), not_stashed);
#ifdef __clang__
  const doctest::Contains other("not retrieve<int &>()");
#else
  const doctest::Contains other("not retrieve<int&>()");
#endif
  CHECK_THROWS_WITH_AS((void)retrieve<int&>(id), other, not_stashed);
  CHECK(retrieve<int>(id).get() == 7);
}

TEST_CASE("a number that was never given, and an eventual that is empty, are errors") {
  CHECK_THROWS_AS((void)retrieve<int>(result_id{0}), not_stashed);
  CHECK_THROWS_AS((void)retrieve<int>(result_id{UINT64_MAX}), not_stashed);
  CHECK_THROWS_AS((void)stash(eventual<int>()), loopbridge::no_state);
}

TEST_CASE(
    "a failure arrives with the thread that retrieves it; or, if it is dropped then, at the hook") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  const auto fails = [&b] { return stash(b.submit([] { throw std::domain_error("no"); })); };
  const result_id first = fails();
  const result_id second = fails();
  b.call([] {});
  CHECK(log.size() == 0);  // they may still be retrieved
  CHECK_THROWS_AS(retrieve<void>(first).get(), std::domain_error);
  CHECK(log.size() == 0);
  (void)retrieve<void>(second);
  CHECK(log.size() == 1);
}

TEST_CASE("what many threads stash and retrieve at once gets mixed up with nothing") {
  bridge b;
  std::mutex mutex;
  std::set<result_id> ids;
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t]() noexcept {
        for (int n = 0; n < 300; ++n) {
          const int value = 1000 * t + n;
          const result_id id = stash(b.submit([value] { return value; }));
          {
            const std::lock_guard lock(mutex);
            ids.insert(id);
          }
          if (retrieve<int>(id).get() != value) ++wrong;
        }
      });
    }
  }
  CHECK(ids.size() == 1200);
  CHECK(wrong == 0);
}

namespace {
bridge* finalizers_bridge = nullptr;
int finalized = 0;
}  // namespace

TEST_CASE("a finalizer in the midst of stash and retrieve may stash and retrieve") {
  bridge b;
  finalizers_bridge = &b;
  finalizer = [] {
    ++finalized;
    (void)retrieve<int>(stash(finalizers_bridge->submit([] { return 1; })));
  };
  const result_id id = stash(b.submit([] { return 2; }));
  eventual<int> got = retrieve<int>(id);
  finalizer = nullptr;
  CHECK(got.get() == 2);
  CHECK(finalized > 0);
}

TEST_CASE("a forked child has a stash of its own" * doctest::skip(support::has_tsan)) {
  bridge b;
  const result_id parents = stash(b.submit([] { return 5; }));
  CHECK(support::in_child([&] {
          try {
            (void)retrieve<int>(parents);
            return 1;
          } catch (const not_stashed&) {
          }
          bridge own;
          const result_id id = stash(own.submit([] { return 6; }));
          if (id == parents) return 2;
          return retrieve<int>(id).get() == 6 ? 0 : 3;
        }) == 0);
  CHECK(retrieve<int>(parents).get() == 5);
}
