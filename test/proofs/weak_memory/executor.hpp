#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

/// Runs a small concurrent program again and again, in another interleaving each time, under the
/// memory model of C++ and not that of the machine at hand.
///
/// A strongly ordered processor hides a memory order that is too weak, and sanitizers look for
/// races, not for lost wake-ups. So here every atomic of the library is replaced (atomic.hpp): each
/// location keeps all values ever written to it, each thread a view of how much of them it must
/// have seen, and a load may return any value that the view admits. Threads are fibers of one
/// thread, switched at atomic operations and at the simulated kernel's calls (world.hpp). Every
/// choice (who goes on, which value is read, whether a handler comes in now) is made by one
/// function, so that a failing run can be repeated.
///
/// What it leaves out: a store is always the newest of its location, so two plain stores that race
/// are not reordered; compare_exchange_weak does not fail spuriously; there are no fences, since
/// the library has none. Such models are views after Kang et al., "A promising semantics for
/// relaxed-memory concurrency" (POPL 2017), without promises, and Relacy's.
namespace weak {

/// Memory of the executor's own, which comes and goes all the time; see kernel.cpp for the rest.
template <class T>
struct raw_allocator {
  using value_type = T;
  raw_allocator() = default;
  template <class U>
  raw_allocator(const raw_allocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(std::malloc(n * sizeof(T))); }
  void deallocate(T* p, std::size_t) { std::free(p); }
  bool operator==(const raw_allocator&) const = default;
};
template <class T>
using raw_vector = std::vector<T, raw_allocator<T>>;

/// What a thread, or whoever reads a message, has seen: the clocks of the fibers, and for each
/// location the index of the oldest value that may still be read.
struct view {
  static constexpr unsigned max_fibers = 6;
  std::uint32_t clocks[max_fibers] = {};
  raw_vector<std::uint32_t> seen;

  void join(const view& other);
  std::uint32_t& at(std::uint32_t location);
  std::uint32_t at(std::uint32_t location) const;
};

/// How far explore() goes.
struct limits {
  /// Systematically: all runs with at most so many involuntary switches and old values read ...
  unsigned deviations = 2;
  unsigned long max_runs = 30'000;    ///< ... but not more than so many,
  unsigned long random_runs = 4'000;  ///< and then these, of any kind.
  std::uint64_t seed = 1;
};

struct report {
  std::string failure;        ///< empty: none
  unsigned long runs = 0;     ///< both kinds
  bool exhausted = false;     ///< the systematic part was finished within max_runs
  unsigned long longest = 0;  ///< choices in one run
};

/// Runs `program` on a first fiber, which may start() others. Stops at the first failure.
report explore(const limits& how_far, const std::function<void()>& program);
/// One of those runs, as choose() says: how it failed; empty: it did not.
std::string run_once(const std::function<void()>& program);

// For what runs on a fiber.

/// Starts another thread; its number.
unsigned start(std::function<void()> body);
void join(unsigned fiber);
unsigned self();
/// Here others may go on, and a handler may come in.
void step();
/// The others first, if any can: for loops that look again and again.
void yield();
/// Waits until `ready`, which is asked whenever somebody else has done something; true. With
/// `may_time_out` it may also be woken before that: false. No step() comes before it.
bool block(const char* why, std::function<bool()> ready, bool may_time_out = false);
/// One of `options` ways to go on: 0 is the ordinary one, each other one counts as a deviation.
unsigned choose(unsigned options);
/// `handler` may interrupt the calling thread at each step from now on, once, until
/// allow_no_handler.
void allow_handler(std::function<void()> handler);
void allow_no_handler();
/// Ends this run, and with it explore(), with a failure.
[[noreturn]] void fail(const std::string& what);
inline void require(bool holds, const char* what) {
  if (!holds) fail(what);
}

/// The view of the running thread; and whether there is one.
view& here();
bool running();
/// Which run this is: an object with state from an earlier one is new again in this.
std::uint64_t run_number();
/// A word that each thread has a value of its own of, null at first.
void make_thread_local(void** word);
/// Called on each fiber at its end.
void at_thread_end(void (*hook)());

}  // namespace weak
