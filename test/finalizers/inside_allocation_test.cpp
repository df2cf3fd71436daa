// Finalizers that run inside the program's own operator new, as with a collector behind it: every
// way to submit, with every way nested in each of its allocations.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <new>
#include <utility>

#include "every_way.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("finalizers inside operator new");

namespace {

/// Run by the next allocations of the thread that set it, but not inside itself.
thread_local std::function<void()>* finalizer = nullptr;

void* allocate(std::size_t size, std::size_t alignment) {
  if (finalizer != nullptr) {
    std::function<void()>* const run = std::exchange(finalizer, nullptr);
    (*run)();
    finalizer = run;
  }
  if (void* const p = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment))
    return p;
  throw std::bad_alloc();
}

}  // namespace

// The library's allocations come here as well. Not inlined: gcc would see free() take what new
// returned.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return allocate(size != 0 ? size : 1, alignof(std::max_align_t));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  std::free(p);
}

TEST_CASE("finalizers inside the allocations of a submission may submit and wait") {
  const support::watchdog dog;
  std::atomic<int> runs{0};
  loopbridge::bridge b;
  every_way::target t(b, runs);
  struct too_large_to_recycle {  // so that each call allocates
    std::atomic<int>* runs;
    char ballast[10000];
    void operator()() const { ++*runs; }
  };
  const too_large_to_recycle f{&runs, {}};
  int nested = 0, worked = 0;
  std::function<void()> finalize = [&] {
    ++nested;
    if (every_way::submit(t) == every_way::works) ++worked;
  };
  const auto with_finalizers = [&](auto&& submission) {
    const int before = nested;
    finalizer = &finalize;
    submission();
    finalizer = nullptr;
    CHECK(nested > before);
  };
  int outer = 0;
  for (int i = 0; i < 50; ++i) {
    with_finalizers([&] { b.post(f); });
    with_finalizers([&] { (void)b.try_post(f); });
    with_finalizers([&] { b.submit(f).get_for(support::generous); });
    with_finalizers([&] { b.call_for(support::generous, f); });
    with_finalizers([&] { (void)loopbridge::reentrant_call(b, f).post(); });
    outer += 5;
  }
  // The library's recycled blocks too, where more of them are made.
  {
    support::held_loop held(b);
    const auto post = [&] {
      b.post([&] { ++runs; });
      ++outer;
    };
    std::function<void()> nested_post = post;
    finalizer = &nested_post;
    for (int i = 0; i < 5000; ++i) post();
    finalizer = nullptr;
    CHECK(outer > 250 + 5000);  // with those from inside
  }
  support::catch_up(b);
  CHECK(worked == nested);
  CHECK(runs == outer + 8 * nested);
}
