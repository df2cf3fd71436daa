#pragma once

#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS  // threads are registered by hand: std::thread is beyond its macros
#include <doctest/doctest.h>
#include <gc/gc.h>

#include <cstddef>
#include <loopbridge/options.hpp>
#include <memory_resource>
#include <new>

/// The Boehm collector as a program with a bridge uses it.
namespace boehm {

/// The calling thread's stack is searched for pointers, and it is stopped while the world is.
inline void register_this_thread() {
  GC_stack_base base;
  GC_get_stack_base(&base);
  GC_register_my_thread(&base);
}

/// For a thread of the test's; the main thread is registered by the collector.
class registered_thread {
 public:
  registered_thread() { register_this_thread(); }
  ~registered_thread() { GC_unregister_my_thread(); }
  registered_thread(const registered_thread&) = delete;
  registered_thread& operator=(const registered_thread&) = delete;
};

/// Starts the collector; it can only be started once in a process.
inline void start() {
  GC_INIT();
  GC_allow_register_threads();
  GC_set_finalize_on_demand(0);
}

/// A bridge whose loop thread may hold pointers and allocate.
inline loopbridge::options with_registered_loop() {
  loopbridge::options opts;
  opts.on_thread_start = register_this_thread;
  opts.on_thread_exit = [] { GC_unregister_my_thread(); };
  return opts;
}

/// Memory that the collector searches for pointers and never takes away: for options::memory.
class searched_memory final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override {  // aligned for everything
    if (void* const block = GC_MALLOC_UNCOLLECTABLE(size)) return block;
    throw std::bad_alloc();
  }
  void do_deallocate(void* block, std::size_t, std::size_t) override { GC_FREE(block); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

/// Collects until `done()`; false: it never was. The collector may take any chance pattern of bits
/// for a pointer, so tests must not ask for the very last object.
template <class Done>
bool collect_until(Done done) {
  for (int round = 0; round < 50; ++round) {
    if (done()) return true;
    GC_gcollect();
    if (GC_get_finalize_on_demand() == 0) GC_invoke_finalizers();
  }
  return done();
}

}  // namespace boehm
