// A library that a program loads, calls and unloads: every way to wait for an answer. The program
// unloads it as soon as the function has returned.

#include "answers.hpp"

#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <loopbridge/timers.hpp>
#include <loopbridge/uv/delay.hpp>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::task;

deferred<int> resolved_within() {
  completer<int> c;
  auto d = c.get_deferred();
  c.resolve(1);
  return d;
}

int by_a_thread(bridge& b) {
  completer<int> c;
  std::thread resolver;
  const int n = b.call([&] {
    auto d = c.get_deferred();
    resolver = std::thread([&]() noexcept { c.resolve(1); });
    return d;
  });
  resolver.join();
  return n;
}

int refused(bridge& b) {
  try {
    b.call([] {});
  } catch (const loopbridge::bridge_stopped&) {
    return 1;
  }
  return 0;
}

int thrown(bridge& b) {
  try {
    b.call([] { throw std::runtime_error(std::string(100, 'x')); });
  } catch (const std::runtime_error&) {
    return 1;
  }
  return 0;
}

task<int> ends_at_once() {
  co_return 1;
}
task<int> waits() {
  co_await loopbridge::delay(0ms);
  co_return 1;
}
task<int> waits_within() {
  co_return co_await waits();
}
int task_that_calls(bridge& b) {
  const auto t = [&b]() -> task<int> { co_return co_await b.submit([] { return 1; }); };
  return b.call(t);
}

}  // namespace

extern "C" int answer(void* of, void (*host)(void*), int way) {
  bridge& b = *static_cast<bridge*>(of);
  switch (static_cast<answer_by>(way)) {
    case answer_by::call:
      return b.call([] { return 1; });
    case answer_by::call_for:
      return b.call_for(20s, [] { return 1; });
    case answer_by::submit:
      return b.submit([] { return 1; }).get();
    case answer_by::exception:
      return thrown(b);
    case answer_by::post_then_call:
      b.post([s = std::string(100, 'x')] {});
      return b.call([] { return 1; });
    case answer_by::deferred_within:
      return b.call(resolved_within);
    case answer_by::deferred_on_the_loop:
      return b.call([&] {
        completer<int> c;
        auto d = c.get_deferred();
        host(c.release());
        return d;
      });
    case answer_by::deferred_by_a_thread:
      return by_a_thread(b);
    case answer_by::task_at_once:
      return b.call(ends_at_once);
    case answer_by::task_that_waits:
      return b.call(waits);
    case answer_by::task_in_a_task:
      return b.call(waits_within);
    case answer_by::task_that_calls:
      return task_that_calls(b);
    case answer_by::then:
      return b.submit([] { return 0; }).then([](int n) { return n + 1; }).get();
    case answer_by::then_later:
      return b.submit([] {}).then(resolved_within).get();
    case answer_by::when_all: {
      const auto [x, y] = when_all(b.submit([] { return 1; }), b.submit(waits)).get();
      return x * y;
    }
    case answer_by::wrap:
      return loopbridge::wrap_blocking(b, 20s, [](int n) { return n; })(1);
    case answer_by::later:
      return submit_after(b, 1ms, [] { return 1; }).get();
    case answer_by::refusal:
      return refused(b);
  }
  return 0;
}
