#pragma once

#include <loopbridge/bridge.hpp>
#include <loopbridge/bridge_group.hpp>
#include <loopbridge/handlers/reentrant_call.hpp>
#include <loopbridge/results/deferred.hpp>
#include <string_view>
#include <utility>

#include "harness/contender.hpp"
#if __has_include(<loopbridge/coroutines/schedule.hpp>)
#include <loopbridge/coroutines/schedule.hpp>
#include <loopbridge/coroutines/task.hpp>

#include "harness/coroutine.hpp"
#endif

namespace bench {

/// Ours, in one of its modes: a name, and what it changes of the options.
template <class Mode>
class loopbridge_as {
 public:
  static constexpr std::string_view name = Mode::name;
  static constexpr role is = role::ours;

  template <class F>
  void post(F&& f) {
    bridge_.post(std::forward<F>(f));
  }
  template <class F>
  auto call(F&& f) {
    return bridge_.call(std::forward<F>(f));
  }
  template <class F>
  auto submit(F&& f) {
    return bridge_.submit(std::forward<F>(f));
  }
  template <class F>
  void with_loop(F&& f) {
    bridge_.call([&](loopbridge::loop_ref loop) { f(loop.get()); });
  }

  /// begin(done, data) begins something on the loop that will call done(data).
  template <class Begin>
  void call_later(Begin&& begin) {
    bridge_.call([&begin] {
      loopbridge::completer<void> done;
      auto answer = done.get_deferred();
      begin([](void* d) { loopbridge::completer<void>::from(d).resolve(); }, done.release());
      return answer;
    });
  }

#if __has_include(<loopbridge/coroutines/schedule.hpp>)
  /// As call(), of a coroutine that answers at once.
  int call_task() {
    return bridge_.call([]() -> loopbridge::task<int> { co_return 1; });
  }
  /// Hops onto the loop once it is resumed, and adds one there.
  coroutine hop(std::uint64_t& sum) {
    co_await schedule(bridge_);
    ++sum;
  }
#endif

  /// For what only ours have: the ways of handlers.
  loopbridge::bridge& bridge() { return bridge_; }

 private:
  static loopbridge::options options() {
    loopbridge::options o;
    Mode::set(o);
    return o;
  }

  loopbridge::bridge bridge_{options()};
};

struct by_default {  // which spins adaptively
  static constexpr std::string_view name = "loopbridge";
  static void set(loopbridge::options&) {}
};
struct by_blocking {
  static constexpr std::string_view name = "loopbridge, no spin";
  static void set(loopbridge::options& o) { o.spin = loopbridge::spinning::off; }
};
struct by_capacity {  // a thread that posts waits for room
  static constexpr std::string_view name = "loopbridge, capacity";
  static void set(loopbridge::options& o) { o.capacity = 10'000; }
};
struct by_uv_async {
  static constexpr std::string_view name = "loopbridge, uv_async";
  static void set(loopbridge::options& o) { o.doorbell = loopbridge::doorbell::uv_async; }
};

/// With a capacity: what that changes of posting, and of memory.
class loopbridge_capacity : public loopbridge_as<by_capacity> {
 public:
  static constexpr bool bounded = true;
  static constexpr bool only_posts = true;  ///< calls are by_default's
};

/// A group of two loops. Each producer keeps to one of them, calls go to them in turn.
class loopbridge_group {
 public:
  static constexpr std::string_view name = "loopbridge, group of 2";
  static constexpr role is = role::ours;
  static constexpr bool several_loops = true;

  struct to_one_loop {
    loopbridge::bridge& bridge;
    template <class F>
    void post(F&& f) {
      bridge.post(std::forward<F>(f));
    }
  };
  to_one_loop producer() { return {group_.next()}; }

  template <class F>
  void post(F&& f) {
    group_.next().post(std::forward<F>(f));
  }
  template <class F>
  auto call(F&& f) {
    return group_.next().call(std::forward<F>(f));
  }
  template <class F>
  auto submit(F&& f) {
    return group_.next().submit(std::forward<F>(f));
  }

 private:
  loopbridge::bridge_group group_{2};
};

class loopbridge_default : public loopbridge_as<by_default> {
 public:
  static constexpr std::string_view compiled = "loopbridge.cpp";
};
using loopbridge_blocking = loopbridge_as<by_blocking>;
using loopbridge_uv_async = loopbridge_as<by_uv_async>;

}  // namespace bench
