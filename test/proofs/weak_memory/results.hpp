#pragma once

// Results that are cancelled, timed out, dropped and resolved elsewhere.
#include "scenario.hpp"

namespace weak_results {

using namespace std::chrono_literals;
using loopbridge::status;
using weak::require;

/// Its end is checked to be ordered after all its uses, and to come once.
struct tracked {
  weak::plain<int> value{7};
};

/// How the call ended, for whoever has waited for it.
enum class end { value, cancelled, stopped, timed_out };

template <class Wait>
end end_of(Wait wait) {
  try {
    require(wait() == 7, "a wrong answer");
    return end::value;
  } catch (const loopbridge::cancelled&) {
    return end::cancelled;
  } catch (const loopbridge::bridge_stopped&) {
    return end::stopped;
  } catch (const loopbridge::timed_out&) {
    return end::timed_out;
  }
}

WEAK_SCENARIO("a cancel against the loop: the call runs or ends as cancelled, never both") {
  loopbridge::bridge bridge(weak::asleep());
  weak::tally runs;
  auto answer = bridge.submit([&runs, t = tracked()] {
    ++runs;
    return static_cast<int>(t.value);
  });
  const bool was_cancelled = answer.cancel();
  const end e = end_of([&] { return answer.get(); });
  require(e == (was_cancelled ? end::cancelled : end::value), "ends in another way than said");
  bridge.call([] {});
  require(runs == (was_cancelled ? 0 : 1), "run in spite of the cancel, or not at all");
}

WEAK_SCENARIO("a call that times out is cancelled, or its answer is taken") {
  loopbridge::bridge bridge(weak::asleep());
  weak::tally runs;
  const end e = end_of([&] {
    return bridge.call_for(20s, [&runs, t = tracked()] {
      ++runs;
      return static_cast<int>(t.value);
    });
  });
  require(e == end::value || e == end::timed_out, "another end");
  bridge.call([] {});
  if (e == end::value) require(runs == 1, "a value without a run");
}

WEAK_SCENARIO("a handle that is dropped at any time frees the call, or leaves that to the loop") {
  loopbridge::bridge bridge(weak::asleep());
  (void)bridge.submit([t = tracked()] { return tracked(); });
  bridge.call([] {});
}

WEAK_SCENARIO("an answer is read by another thread than the one that submitted") {
  loopbridge::bridge bridge(weak::asleep());
  auto answer = bridge.submit([] { return tracked(); });
  const unsigned other = weak::start([a = std::make_shared<decltype(answer)>(std::move(answer))] {
    require(std::move(*a).get().value == 7, "a wrong answer");
  });
  weak::join(other);
}

WEAK_SCENARIO("an interruption ends a wait whenever it comes, and an answer does as well") {
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::interrupt_source stop;
  loopbridge::completer<int> done;
  auto answer = bridge.submit([&] { return done.get_deferred(); });
  const unsigned other = weak::start([&] { stop.trip(); });
  bool was_interrupted = false;
  try {
    answer.get(stop);
  } catch (const loopbridge::interrupted&) {
    was_interrupted = true;
  }
  weak::join(other);
  require(was_interrupted, "answered by nobody");
  done.resolve(7);
  require(answer.get() == 7, "a wrong answer");
}

struct counting_watcher final : loopbridge::detail::completion_callback {
  explicit counting_watcher(const loopbridge::eventual<tracked>& e) : answer(e) {}
  void notify() noexcept override {
    require(answer.get().value == 7, "told before the answer");
    ++told;
  }
  const loopbridge::eventual<tracked>& answer;
  weak::tally told;
};

WEAK_SCENARIO("watchers are told once, whenever they come, and see the answer") {
  loopbridge::bridge bridge(weak::asleep());
  {
    const auto answer = bridge.submit([] { return tracked(); });
    counting_watcher first(answer);
    counting_watcher second(answer);
    loopbridge::detail::eventual_access::state(answer).on_completion(first);
    loopbridge::detail::eventual_access::state(answer).on_completion(second);
    bridge.call([] {});
    require(first.told == 1 && second.told == 1, "not told once");
  }
}

/// Takes the handle along when it is told, as a coroutine's frame does.
struct dropping_watcher final : loopbridge::detail::completion_callback {
  explicit dropping_watcher(loopbridge::eventual<tracked>&& e) : answer(std::move(e)) {}
  void notify() noexcept override {
    require(answer.get().value == 7, "told before the answer");
    answer = {};
    ++told;
  }
  loopbridge::eventual<tracked> answer;
  weak::tally told;
};
struct plain_watcher final : loopbridge::detail::completion_callback {
  void notify() noexcept override { ++told; }
  weak::tally told;
};

WEAK_SCENARIO("a watcher that comes as the second, and drops the handle, is the last to touch it") {
  loopbridge::bridge bridge(weak::asleep());
  {
    plain_watcher first;
    dropping_watcher second(bridge.submit([] { return tracked(); }));
    auto& call = loopbridge::detail::eventual_access::state(second.answer);
    call.on_completion(first);
    call.on_completion(second);
    bridge.call([] {});
    require(first.told == 1 && second.told == 1, "not told once");
  }
}

WEAK_SCENARIO("a completer on another thread against a cancel: one of them decides") {
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::completer<int> done;
  weak::plain<int> source(7);
  auto answer = bridge.submit([&, d = done.get_deferred()]() mutable { return std::move(d); });
  bool resolved = false;
  const unsigned other = weak::start([&] {
    resolved = done.resolve(static_cast<int>(source));
    done = {};
  });
  const bool was_cancelled = answer.cancel();
  weak::join(other);
  const end e = end_of([&] { return answer.get(); });
  require(e == (was_cancelled ? end::cancelled : end::value) || !resolved,
          "ends in another way than said");
  if (!was_cancelled) require(e == (resolved ? end::value : end::cancelled), "not as resolved");
}

WEAK_SCENARIO(
    "a deferred's cancel hook runs on the loop once if it was cancelled, and is destroyed") {
  loopbridge::bridge bridge(weak::asleep());
  weak::tally hooks;
  void* completer = nullptr;
  auto answer = bridge.submit([&] {
    loopbridge::completer<int> done;
    done.on_cancel([&hooks, t = tracked()] {
      ++hooks;
      require(t.value == 7, "gone");
    });
    auto d = done.get_deferred();
    completer = done.release();
    return d;
  });
  bridge.call([] {});
  bool resolved = false;
  const unsigned other =
      weak::start([&] { resolved = loopbridge::completer<int>::from(completer).resolve(7); });
  const bool was_cancelled = answer.cancel();
  const end e = end_of([&] { return answer.get(); });
  weak::join(other);
  require(was_cancelled != resolved, "both or none decided");
  require(e == (was_cancelled ? end::cancelled : end::value), "ends in another way than said");
  bridge.call([] {});
  require(hooks == (was_cancelled ? 1 : 0), "the hook");
}

WEAK_SCENARIO("a result that another thread resolves reaches the waiter whole") {
  loopbridge::bridge bridge(weak::asleep());
  loopbridge::completer<tracked> done;
  auto answer = bridge.submit([d = done.get_deferred()]() mutable { return std::move(d); });
  const unsigned other = weak::start([&] { require(done.resolve(tracked()), "refused"); });
  require(std::move(answer).get().value == 7, "a wrong answer");
  weak::join(other);
}

WEAK_SCENARIO("a cancel finds the deferred that the loop has made meanwhile", {.deviations = 3}) {
  loopbridge::bridge bridge(weak::asleep());
  void* completer = nullptr;
  auto answer = bridge.submit([&] {
    loopbridge::completer<int> done;
    auto d = done.get_deferred();
    completer = done.release();
    return d;
  });
  const bool was_cancelled = answer.cancel();
  bridge.call([&] {
    if (completer != nullptr) loopbridge::completer<int>::from(completer).resolve(7);
  });
  const end e = end_of([&] { return answer.get(); });
  require(e == (was_cancelled ? end::cancelled : end::value) || completer != nullptr,
          "ends in another way than said");
}

WEAK_SCENARIO("a completer elsewhere finds the call that the loop has attached meanwhile",
              {.deviations = 3}) {
  loopbridge::completer<int> done;
  auto d = done.get_deferred();
  const unsigned other = weak::start([&] { require(done.resolve(7), "refused"); });
  {
    loopbridge::bridge bridge(weak::asleep());
    const int got = bridge.call([&] { return std::move(d); });
    require(got == 7, "a wrong answer");
  }
  weak::join(other);
}

}  // namespace weak_results
