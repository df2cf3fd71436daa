#include <doctest/doctest.h>

#include <atomic>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/senders.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("as_sender");

namespace {

using loopbridge::as_sender;
using loopbridge::bridge;
using loopbridge::completer;
using support::ending;
using support::receiver;

loopbridge::eventual<int> submit_waiting(bridge& b, completer<int>& done) {
  return b.submit([answer = done.get_deferred()]() mutable { return std::move(answer); });
}

}  // namespace

TEST_CASE("a value comes on the call's loop, whether it is there already or not") {
  bridge b;
  const auto loop = b.call([] { return std::this_thread::get_id(); });
  for (const bool is_there : {false, true}) {
    CAPTURE(is_there);
    ending<int> ended;
    std::optional<support::held_loop> held;
    if (!is_there) held.emplace(b);
    auto answer = b.submit([] { return 5; });
    if (is_there) answer.wait();
    auto operation = ex::connect(as_sender(std::move(answer)), receiver<int>(ended));
    ex::start(operation);
    held.reset();
    REQUIRE(ended.wait());
    CHECK(ended.value == std::tuple(5));
    CHECK(ended.on == loop);
    CHECK(ended.count == 1);
  }
}

TEST_CASE("a failure is the receiver's, and is not reported besides") {
  const support::error_log reported;
  loopbridge::options opts;
  opts.on_unhandled_error = reported.hook();
  bridge b(opts);
  ending<> ended;
  {
    auto operation =
        ex::connect(as_sender(b.submit([] { throw std::out_of_range("x"); })), receiver<>(ended));
    ex::start(operation);
    REQUIRE(ended.wait());
  }
  CHECK(support::is_a<std::out_of_range>(ended.error));
  b.stop();
  CHECK(reported.size() == 0);
}

TEST_CASE("one who holds the sender both cancels and hears of every end") {
  bridge b;
  const auto loop = b.call([] { return std::this_thread::get_id(); });
  std::stop_source source;
  completer<int> done;
  ending<int> ended;
  auto operation =
      ex::connect(as_sender(submit_waiting(b, done)), receiver<int>(ended, source.get_token()));
  SUBCASE("a stop request before start()") {
    support::catch_up(b);
    source.request_stop();
    ex::start(operation);
  }
  SUBCASE("while it waits, from another thread") {
    ex::start(operation);
    support::catch_up(b);
    std::thread other([&]() noexcept { source.request_stop(); });
    other.join();
  }
  SUBCASE("while it waits, from the loop") {
    ex::start(operation);
    b.call([&] {
      source.request_stop();
      if (ended.done.is_open()) throw std::logic_error("told inside request_stop()");
    });
  }
  REQUIRE(ended.wait());
  CHECK(ended.stopped);
  CHECK(ended.on == loop);
  CHECK(ended.count == 1);
  CHECK_FALSE(done.resolve(1));  // it was cancelled
}

TEST_CASE("a call that runs when stop is requested gives its value") {
  bridge b;
  std::stop_source source;
  const support::gate runs;
  const support::gate goes_on;
  ending<bool> ended;
  auto operation = ex::connect(as_sender(b.submit([=] {
                                 runs.open();
                                 return goes_on.wait();
                               })),
                               receiver<bool>(ended, source.get_token()));
  ex::start(operation);
  REQUIRE(runs.wait());
  source.request_stop();
  goes_on.open();
  REQUIRE(ended.wait());
  CHECK(ended.value == std::tuple(true));
}

TEST_CASE("no receiver hears inside resolve()") {
  bridge b;
  completer<int> done;
  ending<int> ended;
  auto operation = ex::connect(as_sender(submit_waiting(b, done)), receiver<int>(ended));
  ex::start(operation);
  const bool heard = b.call([&] {
    done.resolve(1);
    return ended.done.is_open();
  });
  CHECK_FALSE(heard);
  REQUIRE(ended.wait());
  CHECK(ended.value == std::tuple(1));
}

TEST_CASE("an answer, a stop request and the start meet, and the receiver hears once") {
  const support::watchdog deadline;
  bridge b;
  int stopped = 0;
  for (int i = 0; i < 500; ++i) {
    std::stop_source source;
    std::atomic<int> ready{0};
    completer<int> done;
    ending<int> ended;
    auto operation =
        ex::connect(as_sender(submit_waiting(b, done)), receiver<int>(ended, source.get_token()));
    const auto together = [&ready] {
      ready.fetch_add(1);
      while (ready.load() < 3) std::this_thread::yield();
    };
    std::thread stops([&]() noexcept {
      together();
      source.request_stop();
    });
    std::thread resolves([&]() noexcept {
      together();
      done.resolve(i);
    });
    together();
    ex::start(operation);
    stops.join();
    resolves.join();
    REQUIRE(ended.wait());
    CHECK(ended.count == 1);
    CHECK(ended.stopped != ended.value.has_value());
    stopped += ended.stopped ? 1 : 0;
  }
  MESSAGE(stopped, " of 500 were stopped");
}

TEST_CASE("it outlives its bridge: an answer that is there is given inside start()") {
  std::optional<bridge> b(std::in_place);
  completer<int> done;
  auto waits = as_sender(submit_waiting(*b, done));
  auto answered = as_sender(b->submit([] { return 5; }));
  b->call([] {});
  b.reset();
  ending<int> value;
  auto first = ex::connect(std::move(answered), receiver<int>(value));
  ex::start(first);
  CHECK(value.value == std::tuple(5));
  CHECK(value.on == std::this_thread::get_id());
  ending<int> none;
  auto second = ex::connect(std::move(waits), receiver<int>(none));
  ex::start(second);
  CHECK(none.stopped);
}

TEST_CASE("a bridge that stops completes what waits with set_stopped") {
  loopbridge::options opts;
  SUBCASE("a deferred") {}
  SUBCASE("what is queued") {
    opts = support::refusing();
  }
  bridge b(opts);
  completer<int> done;
  ending<int> ended;
  {
    std::optional<support::held_loop> held;
    if (opts.on_stop == loopbridge::queued_calls::refuse) held.emplace(b);
    auto operation = ex::connect(as_sender(submit_waiting(b, done)), receiver<int>(ended));
    ex::start(operation);
    if (!held) support::catch_up(b);
    b.stop_reentrant();
    held.reset();
    REQUIRE(ended.wait());
    b.stop();
  }
  CHECK(ended.stopped);
  CHECK(ended.count == 1);
}

TEST_CASE("a sender or an operation that is dropped before start() cancels nothing") {
  bridge b;
  completer<int> done;
  {
    const auto dropped = as_sender(submit_waiting(b, done));
  }
  CHECK(done.resolve(1));
  completer<int> other;
  ending<int> ended;
  {
    auto dropped = ex::connect(as_sender(submit_waiting(b, other)), receiver<int>(ended));
  }
  CHECK(other.resolve(1));
  CHECK(ended.count == 0);
}

TEST_CASE("an empty eventual is an error at once") {
  CHECK_THROWS_AS((void)as_sender(loopbridge::eventual<int>()), loopbridge::no_state);
}

TEST_CASE(
    "in a forked child an answer that is missing is an error, and one that is there is given") {
  bridge b;
  completer<int> done;
  auto waits = as_sender(submit_waiting(b, done));
  auto answered = b.submit([] { return 5; });
  answered.wait();
  const int wrong = support::in_child([&] {
    ending<int> missing;
    auto first = ex::connect(std::move(waits), receiver<int>(missing));
    ex::start(first);
    if (!support::is_a<loopbridge::wrong_process>(missing.error)) return 1;
    ending<int> value;
    auto second = ex::connect(as_sender(std::move(answered)), receiver<int>(value));
    ex::start(second);
    return value.value == std::tuple(5) ? 0 : 2;
  });
  CHECK(wrong == 0);
  done.resolve(1);
}
