#pragma once

#include <doctest/doctest.h>

#include <cstdio>
#include <new>
#include <system_error>
#include <thread>

#include "failing_memory.hpp"
#include "support/resources.hpp"

namespace support {

/// One try with the n-th allocation failing.
class attempt {
 public:
  attempt(long n, bool for_good) : n_(n), for_good_(for_good) {}
  /// Runs `work` without that memory. True: it succeeded; false: std::bad_alloc.
  template <class Work>
  bool operator()(Work&& work) {
    bool done = false;
    memory::fail(n_, for_good_);
    try {
      work();
      done = true;
    } catch (const std::bad_alloc&) {
    } catch (const std::system_error& e) {
      if (e.code() != std::errc::not_enough_memory) ++others_;  // that is libuv's, with its text
    } catch (...) {
      ++others_;
    }
    failed_ = memory::recover() || failed_;
    return done;
  }
  bool failed() const { return failed_; }
  int undocumented() const { return others_; }

 private:
  const long n_;
  const bool for_good_;
  bool failed_ = false;
  int others_ = 0;
};

/// Tries `scenario` until no allocation fails any more. `is_exact`: each try gives back the last
/// block; else the blocks of calls are recycled, and what grows is seen over all tries.
template <class Scenario>
void each_allocation_failing(const char* name, Scenario&& scenario) {
  for (const bool for_good : {false, true}) {
    CAPTURE(for_good);
    std::thread([]() noexcept {}).join();  // with the first ThreadSanitizer starts its own
    const auto at_first = resources::in_use();
    for (int i = 0; i < 2; ++i) {  // what is made once per process
      attempt unharmed(0, false);
      scenario(unharmed);
      REQUIRE(at_first.threads_are_back());
    }
    const long before_all = memory::outstanding;
    long n = 1;
    for (bool failed = true; failed; ++n) {
      CAPTURE(n);
      REQUIRE(n < 200);
      const auto before = resources::in_use();
      const long blocks = memory::outstanding;
      attempt a(n, for_good);
      scenario(a);
      CHECK(a.undocumented() == 0);
      REQUIRE(before.are_back());
#ifdef LOOPBRIDGE_PLAIN_BLOCKS
      CHECK(memory::outstanding == blocks);
#else
      (void)blocks;
#endif
      failed = a.failed();
    }
    CHECK(memory::outstanding - before_all <= 16);  // slabs, one for each size
    std::printf("failed in turn%s: %ld allocations of: %s\n", for_good ? " and for good" : "",
                n - 2, name);
  }
}

}  // namespace support
