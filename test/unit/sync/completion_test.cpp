#include <doctest/doctest.h>
#include <errno.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <loopbridge/detail/sync/completion.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("completion");

namespace {

using loopbridge::detail::completion;
using loopbridge::detail::deadline;
using loopbridge::detail::deadline_after;
using loopbridge::detail::no_deadline;

deadline soon() {
  return deadline_after(std::chrono::milliseconds(1));
}

const loopbridge::detail::process_mark here;

}  // namespace

TEST_CASE("a queued call is started once") {
  completion c;
  CHECK(c.try_start());
  CHECK_FALSE(c.try_start());
}

TEST_CASE("starting and cancelling a queued call exclude each other") {
  completion started;
  CHECK(started.try_start());
  CHECK_FALSE(started.try_claim_queued());

  completion claimed;
  CHECK(claimed.try_claim_queued());
  CHECK_FALSE(claimed.try_start());
  CHECK_FALSE(claimed.try_claim_queued());
  CHECK_FALSE(claimed.is_done());  // the canceller is still writing the outcome
}

TEST_CASE("a canceller learns how far the call has come, and the loop that somebody asked") {
  completion c;
  CHECK(c.request_cancel() == completion::queued);
  c.try_start();
  CHECK(c.request_cancel() == completion::running);
  CHECK(c.start_waiting());
  CHECK(c.request_cancel() == completion::waiting);
  c.publish(completion::waiting, true);
  CHECK(c.request_cancel() == completion::done);
}

TEST_CASE("a call that nobody cancels starts to wait unasked") {
  completion c;
  c.try_start();
  CHECK_FALSE(c.start_waiting());
}

TEST_CASE("publishing ends the call, from each phase") {
  completion ran, answered, settled;
  ran.try_start();
  answered.try_start();
  answered.start_waiting();
  settled.try_claim_queued();
  CHECK_FALSE(ran.publish(completion::running, true));
  CHECK_FALSE(answered.publish(completion::waiting, true));
  CHECK_FALSE(settled.publish(completion::settling, false));
  CHECK(ran.is_done());
  CHECK(answered.is_done());
  CHECK(settled.is_done());
}

TEST_CASE("a wish to cancel does not end a call") {
  completion c;
  c.try_start();
  c.request_cancel();
  CHECK_FALSE(c.is_done());
  c.publish(completion::running, true);
  CHECK(c.is_done());
}

TEST_CASE("of loop and handle, the second to let go frees the call") {
  SUBCASE("the loop completes, then the handle goes") {
    completion c;
    c.try_start();
    CHECK_FALSE(c.publish(completion::running, true));
    CHECK(c.release_handle());
  }
  SUBCASE("the handle goes, then the loop completes") {
    completion c;
    CHECK_FALSE(c.release_handle());
    c.try_start();
    CHECK(c.publish(completion::running, true));
  }
  SUBCASE("cancelled while queued: the handle goes, then the loop finds it") {
    completion c;
    c.try_claim_queued();
    CHECK_FALSE(c.publish(completion::settling, false));
    CHECK_FALSE(c.release_handle());
    CHECK_FALSE(c.try_start());
    CHECK(c.release_loop());
  }
  SUBCASE("cancelled while queued: the loop finds it, then the handle goes") {
    completion c;
    c.try_claim_queued();
    c.publish(completion::settling, false);
    CHECK_FALSE(c.release_loop());
    CHECK(c.release_handle());
  }
}

TEST_CASE("waiting for a call that is done returns at once, the deadline past or not") {
  completion c;
  c.try_start();
  c.publish(completion::running, true);
  CHECK(c.wait(no_deadline, here));
  CHECK(c.wait(deadline{}, here));
}

TEST_CASE("a wait ends at its deadline, and may be repeated") {
  completion c;
  CHECK_FALSE(c.wait(deadline{}, here));
  CHECK_FALSE(c.wait(soon(), here));
  c.try_start();
  CHECK_FALSE(c.wait(soon(), here));
  c.publish(completion::running, true);
  CHECK(c.wait(soon(), here));
}

TEST_CASE("all waiters of a call are released, and see what was done before") {
  constexpr int waiters = 4;
  const support::watchdog dog;
  completion c;
  int outcome = 0;
  std::atomic<int> right{0};
  std::barrier<> ready(waiters + 1);
  std::vector<std::thread> threads;
  for (int i = 0; i < waiters; ++i) {
    threads.emplace_back([&]() noexcept {
      ready.arrive_and_wait();
      if (c.wait(no_deadline, here) && outcome == 42) ++right;
    });
  }
  ready.arrive_and_wait();
  for (int i = 0; i < 20; ++i)
    CHECK_FALSE(c.wait(soon(), here));  // so that they sleep, most likely
  c.try_start();
  outcome = 42;
  c.publish(completion::running, true);
  for (std::thread& t : threads) t.join();
  CHECK(right == waiters);
}

TEST_CASE("a slot's word is as new after a reset") {
  completion c;
  c.try_start();
  c.publish(completion::running, true);
  c.release_handle();
  c.reset();
  CHECK_FALSE(c.is_done());
  CHECK_FALSE(c.wait(soon(), here));
  CHECK(c.try_start());
  CHECK_FALSE(c.publish(completion::running, true));
}

TEST_CASE("of start and cancel at the same time exactly one wins") {
  constexpr int rounds = 20000;
  const auto words = std::make_unique<completion[]>(rounds);
  std::vector<char> cancelled(rounds, 0);
  std::barrier<> turn(2);
  std::thread canceller([&]() noexcept {
    for (int r = 0; r < rounds; ++r) {
      turn.arrive_and_wait();
      cancelled[r] = words[r].try_claim_queued() ? 1 : 0;
    }
  });
  std::vector<char> started(rounds, 0);
  for (int r = 0; r < rounds; ++r) {
    turn.arrive_and_wait();
    started[r] = words[r].try_start() ? 1 : 0;
  }
  canceller.join();
  int decided = 0;
  for (int r = 0; r < rounds; ++r) decided += started[r] + cancelled[r] == 1 ? 1 : 0;
  CHECK(decided == rounds);
}

TEST_CASE("of loop and handle that let go at the same time exactly one frees") {
  constexpr int rounds = 20000;
  const auto words = std::make_unique<completion[]>(rounds);
  std::vector<char> handle_frees(rounds, 0), loop_frees(rounds, 0);
  std::barrier<> turn(2);
  std::thread holder([&]() noexcept {
    for (int r = 0; r < rounds; ++r) {
      turn.arrive_and_wait();
      handle_frees[r] = words[r].release_handle() ? 1 : 0;
    }
  });
  for (int r = 0; r < rounds; ++r) {
    words[r].try_start();
    turn.arrive_and_wait();
    loop_frees[r] = words[r].publish(completion::running, true) ? 1 : 0;
  }
  holder.join();
  int freed_once = 0;
  for (int r = 0; r < rounds; ++r) freed_once += handle_frees[r] + loop_frees[r] == 1 ? 1 : 0;
  CHECK(freed_once == rounds);
}

TEST_CASE("timeouts too long for the clock never end, negative ones are over at once") {
  CHECK(deadline_after(std::chrono::hours::max()) == no_deadline);
  CHECK(deadline_after(std::chrono::seconds::max()) == no_deadline);
  CHECK(deadline_after(std::chrono::nanoseconds::max()) == no_deadline);
  CHECK(deadline_after(std::chrono::duration<double>(1e300)) == no_deadline);
  const deadline past[] = {deadline_after(std::chrono::hours::min()),
                           deadline_after(std::chrono::seconds(-1))};
  for (const deadline d : past) CHECK(d <= std::chrono::steady_clock::now());
  CHECK(deadline_after(std::chrono::hours(1)) > std::chrono::steady_clock::now());
}
