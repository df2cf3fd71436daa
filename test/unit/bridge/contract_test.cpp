// Sentences of the public headers that no other test holds: one test for each.
#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <loopbridge/timers.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/memory.hpp"

TEST_SUITE_BEGIN("contract");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::options;
using loopbridge::status;
using support::generous;
using namespace std::chrono_literals;

std::thread::id loop_thread_of(bridge& b) {
  return b.call([] { return std::this_thread::get_id(); });
}

/// Says how it was called.
struct tells {
  std::string operator()() & { return "as an lvalue"; }
  std::string operator()() && { return "as an rvalue"; }
};

}  // namespace

TEST_CASE("a callable is invoked once, as an rvalue, by every function but submit_every") {
  bridge b;
  std::string posted;
  struct notes {
    std::string* to;
    void operator()() & { *to = "as an lvalue"; }
    void operator()() && { *to = "as an rvalue"; }
  };
  CHECK(b.call(tells()) == "as an rvalue");
  CHECK(b.call_for(generous, tells()) == "as an rvalue");
  CHECK(b.submit(tells()).get() == "as an rvalue");
  CHECK(submit_after(b, 0ms, tells()).get() == "as an rvalue");
  CHECK(loopbridge::wrap(b, tells())().get() == "as an rvalue");
  b.post(notes{&posted});
  CHECK(b.call([&] { return std::exchange(posted, ""); }) == "as an rvalue");
  CHECK(b.post_reentrant(notes{&posted}) == status::accepted);
  CHECK(b.call([&] { return std::exchange(posted, ""); }) == "as an rvalue");
}

TEST_CASE(
    "submit_every keeps one callable for all runs, calls it as an lvalue, and destroys it there") {
  bridge b;
  support::counts counts;
  struct counts_runs {
    support::token held;
    support::gate third;
    int runs = 0;
    void operator()() & {
      if (++runs == 3) third.open();
    }
  };
  const support::gate third;
  auto beat = submit_every(b, 1ms, counts_runs{support::token(counts), third});
  CHECK(third.wait());
  CHECK(counts.alive() == 1);
  beat.stop();
  b.call([] {});
  const std::thread::id loop = loop_thread_of(b);
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == loop);
}

TEST_CASE(
    "a result is destroyed by the thread that drops the eventual, or, if that went first, ends the "
    "call") {
  bridge b;
  const std::thread::id loop = loop_thread_of(b);
  support::counts counts;
  {
    const auto kept = b.submit([&] { return support::token(counts); });
    kept.wait();
    CHECK(counts.alive() == 1);
  }
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == std::this_thread::get_id());
  {
    const support::held_loop held(b);
    (void)b.submit([&] { return support::token(counts); });
  }
  b.call([] {});
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == loop);
  completer<support::token> done;
  (void)b.submit([&] { return done.get_deferred(); });
  b.call([] {});
  std::thread([&]() noexcept { done.resolve(counts); }).join();
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() != loop);
  CHECK(counts.destroyed_on.load() != std::this_thread::get_id());
}

TEST_CASE("error() and get() count as reading a failure, waiting and ready() do not") {
  const support::error_log log;
  bridge b(support::reporting_to(log));
  const auto failed = [&] {
    auto e = b.submit([] { throw std::runtime_error("read?"); });
    e.wait();
    return e;
  };
  {
    const auto e = failed();
    CHECK(e.error() != nullptr);
  }
  {
    const auto e = failed();
    CHECK_THROWS_AS(e.get(), std::runtime_error);
  }
  CHECK(log.size() == 0);
  {
    const auto e = failed();
    CHECK(e.wait_for(generous));
    CHECK(e.ready());
  }
  CHECK(log.size() == 1);
  {
    const support::held_loop held(b);
    const auto e = b.submit([] { throw std::runtime_error("read?"); });
    CHECK(e.error() == nullptr);  // there is none yet, and so it has seen none
  }
  b.call([] {});
  CHECK(log.size() == 2);
}

TEST_CASE("then() destroys its function on the loop, before the new eventual is ready") {
  bridge b;
  const std::thread::id loop = loop_thread_of(b);
  support::counts counts;
  CHECK(b.submit([] { return 1; })
            .then([t = support::token(counts)](int n) { return n + 1; })
            .get_for(generous) == 2);
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == loop);
  auto passed_by = b.submit([]() -> int {
                      throw std::runtime_error("no");
                    }).then([t = support::token(counts)](int n) { return n; });
  CHECK_THROWS_AS(passed_by.get_for(generous), std::runtime_error);
  CHECK(counts.alive() == 0);
  CHECK(counts.destroyed_on.load() == loop);
}

TEST_CASE("call needs no memory, call_for a block") {
  support::counting_memory memory;
  options opts;
  opts.memory = &memory;
  bridge b(opts);
  const auto asked_for_by = [&](auto&& call) {
    const auto before = memory.allocations();
    call();
    return memory.allocations() - before;
  };
  CHECK(asked_for_by([&] { b.call([] {}); }) == 0);
  CHECK(asked_for_by([&] { b.call_for(generous, [] {}); }) == 1);
}

TEST_CASE("a coalesced run has the place of the first firing that it answers") {
  bridge b;
  std::vector<std::string> order;  // the loop's
  const auto note = [&](const char* what) { return [&order, what] { order.emplace_back(what); }; };
  loopbridge::reentrant_call fired(
      b, [&](std::uint64_t firings) { order.push_back(std::to_string(firings)); });
  {
    const support::held_loop held(b);
    b.post(note("before"));
    CHECK(fired.post() == status::accepted);
    b.post(note("between"));
    CHECK(fired.post() == status::accepted);
    b.post(note("after"));
  }
  CHECK(b.call([&] { return order; }) ==
        std::vector<std::string>{"before", "2", "between", "after"});
}
