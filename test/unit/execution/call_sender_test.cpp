#include <doctest/doctest.h>

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

#include "support/counted.hpp"
#include "support/held_loop.hpp"
#include "support/senders.hpp"

TEST_SUITE_BEGIN("call_sender");

namespace {

using loopbridge::bridge;
using loopbridge::call_sender;
using support::ending;
using support::gate;
using support::receiver;
using namespace std::chrono_literals;

/// What `sender` ends with.
template <class... Values, class Sender>
void run(ending<Values...>& to, Sender&& sender) {
  auto operation = ex::connect(std::forward<Sender>(sender), receiver<Values...>(to));
  ex::start(operation);
  REQUIRE(to.wait());
}

/// A call of `f`, which opens `begun` and then waits, is stopped when it has come that far.
template <class F>
void stop_once_begun(bridge& b, ending<int>& to, const gate& begun, F f) {
  std::stop_source source;
  auto operation = ex::connect(call_sender(b, std::move(f)), receiver<int>(to, source.get_token()));
  ex::start(operation);
  REQUIRE(begun.wait());
  support::catch_up(b);
  CHECK_FALSE(to.done.is_open());
  source.request_stop();
  REQUIRE(to.wait());
}

struct throws_when_moved {
  throws_when_moved() = default;
  throws_when_moved(throws_when_moved&& other) : moves(other.moves + 1) {
    if (moves > 1) throw std::runtime_error("moved");
  }
  int moves = 0;
};

}  // namespace

TEST_CASE("a call is lazy: it runs when it is started, on the loop, and is given that") {
  bridge b;
  int runs = 0;
  uv_loop_s* const loop = b.call([](loopbridge::loop_ref l) { return l.get(); });
  auto sender = call_sender(b, [&runs](loopbridge::loop_ref l) {
    ++runs;
    return l.get();
  });
  ending<uv_loop_s*> ended;
  auto operation = ex::connect(sender, receiver<uv_loop_s*>(ended));
  support::catch_up(b);
  CHECK(runs == 0);
  ex::start(operation);
  REQUIRE(ended.wait());
  CHECK(ended.value == std::tuple(loop));
  CHECK(ended.on == b.call([] { return std::this_thread::get_id(); }));
  ending<uv_loop_s*> again;
  run(again, sender);  // it may be copied
  CHECK(runs == 2);
}

TEST_CASE("values that are moved only, references and nothing come as they are") {
  bridge b;
  int there = 0;
  ending<std::unique_ptr<int>> moved;
  run(moved, call_sender(b, [p = std::make_unique<int>(4)]() mutable { return std::move(p); }));
  CHECK(*std::get<0>(*moved.value) == 4);
  ending<int*> reference;
  run(reference,
      ex::then(call_sender(b, [&there]() -> int& { return there; }), [](int& n) { return &n; }));
  CHECK(reference.value == std::tuple(&there));
  ending<> none;
  run(none, call_sender(b, [] {}));
  CHECK(none.value.has_value());
}

TEST_CASE("the function is destroyed on the loop, before the receiver hears of its result") {
  bridge b;
  support::counts c;
  ending<int> ended;
  run(ended, ex::then(call_sender(b, [t = support::token(c)] {}), [&] { return c.alive(); }));
  CHECK(ended.value == std::tuple(0));
  CHECK(c.destroyed_on.load() == ended.on);
}

TEST_CASE("what the function throws, or the result's move, is the error") {
  bridge b;
  ending<int> thrown;
  run(thrown, call_sender(b, []() -> int { throw std::out_of_range("x"); }));
  CHECK(support::is_a<std::out_of_range>(thrown.error));
  ending<throws_when_moved> moved;
  run(moved, call_sender(b, [] { return throws_when_moved(); }));
  CHECK(support::is_a<std::runtime_error>(moved.error));
  CHECK(moved.count == 1);
}

TEST_CASE(
    "`cancelled` and `bridge_stopped` are set_stopped, also where the function passes them on") {
  bridge b;
  bridge gone;
  gone.stop();
  ending<int> passed_on;
  run(passed_on, call_sender(b, [&] { return gone.call([] { return 1; }); }));
  CHECK(passed_on.stopped);
  ending<int> refused;
  run(refused, call_sender(gone, [] { return 1; }));
  CHECK(refused.stopped);
  ending<int> refused_later;
  run(refused_later, call_sender(gone, [&] { return b.submit([] { return 1; }); }));
  CHECK(refused_later.stopped);
}

TEST_CASE("a deferred, a task or an eventual is awaited") {
  bridge b;
  bridge other;
  const auto loop = b.call([] { return std::this_thread::get_id(); });
  loopbridge::completer<int> done;
  ending<int> of_deferred;
  auto operation = ex::connect(
      call_sender(b, [answer = done.get_deferred()]() mutable { return std::move(answer); }),
      receiver<int>(of_deferred));
  ex::start(operation);
  support::catch_up(b);
  CHECK_FALSE(of_deferred.done.is_open());
  done.resolve(1);
  REQUIRE(of_deferred.wait());
  CHECK(of_deferred.value == std::tuple(1));
  CHECK(of_deferred.on == loop);  // though this thread resolved it
  ending<int> of_task;
  run(of_task, call_sender(b, []() -> loopbridge::task<int> {
        co_await loopbridge::delay(1ms);
        co_return 2;
      }));
  CHECK(of_task.value == std::tuple(2));
  CHECK(of_task.on == loop);
  ending<int> of_eventual;
  run(of_eventual, call_sender(b, [&] { return other.submit([] { return 3; }); }));
  CHECK(of_eventual.value == std::tuple(3));
  CHECK(of_eventual.on == loop);
  ending<> failed;
  run(failed, call_sender(b, []() -> loopbridge::task<> {
        co_await loopbridge::delay(1ms);
        throw std::out_of_range("x");
      }));
  CHECK(support::is_a<std::out_of_range>(failed.error));
}

TEST_CASE("a stop request cancels what is awaited, and the receiver hears of it on the loop") {
  bridge b;
  bridge other;
  const auto loop = b.call([] { return std::this_thread::get_id(); });
  ending<int> ended;
  const gate begun;
  const gate cancelled;
  bool heard_before = false;  // the hook, or the task, had done
  loopbridge::completer<int> done;
  const auto on_cancel = [&, cancelled] {
    heard_before = ended.done.is_open();
    cancelled.open();
  };
  SUBCASE("a deferred") {
    stop_once_begun(b, ended, begun, [&] {
      done.on_cancel(on_cancel);
      begun.open();
      return done.get_deferred();
    });
  }
  SUBCASE("a task") {
    stop_once_begun(b, ended, begun, [=]() -> loopbridge::task<int> {
      begun.open();
      try {
        co_await loopbridge::delay(1h);
      } catch (const loopbridge::cancelled&) {
        on_cancel();
        throw;
      }
      co_return 1;
    });
  }
  SUBCASE("an eventual") {
    stop_once_begun(b, ended, begun, [&] {
      return other.submit([&] {
        done.on_cancel([cancelled] { cancelled.open(); });
        begun.open();
        return done.get_deferred();
      });
    });
  }
  CHECK(cancelled.wait());
  CHECK_FALSE(heard_before);
  CHECK(ended.stopped);
  CHECK(ended.on == loop);
  CHECK(ended.count == 1);
}

TEST_CASE("a queued call whose stop is requested does not run") {
  bridge b;
  std::stop_source source;
  bool ran = false;
  ending<> plain;
  ending<> later;
  auto first =
      ex::connect(call_sender(b, [&] { ran = true; }), receiver<>(plain, source.get_token()));
  auto second = ex::connect(call_sender(b,
                                        [&]() -> loopbridge::task<> {
                                          ran = true;
                                          co_return;
                                        }),
                            receiver<>(later, source.get_token()));
  {
    const support::held_loop held(b);
    ex::start(first);
    ex::start(second);
    source.request_stop();
    CHECK_FALSE(plain.done.is_open());
    CHECK_FALSE(later.done.is_open());
  }
  REQUIRE(plain.wait());
  REQUIRE(later.wait());
  CHECK(plain.stopped);
  CHECK(later.stopped);
  CHECK_FALSE(ran);
}

TEST_CASE("a bridge that stops while a call waits completes it with set_stopped") {
  bridge b;
  loopbridge::completer<int> done;
  ending<int> ended;
  auto operation =
      ex::connect(call_sender(b, [&] { return done.get_deferred(); }), receiver<int>(ended));
  ex::start(operation);
  support::catch_up(b);
  b.stop();
  REQUIRE(ended.wait());
  CHECK(ended.stopped);
  CHECK(ended.count == 1);
  CHECK_FALSE(done.resolve(1));
}
