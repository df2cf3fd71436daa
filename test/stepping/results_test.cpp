// What is done with the results of calls (waiting, cancelling, resolving, letting go), interrupted
// at every instruction: each result arrives, exactly once, whatever the handlers do.
#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>

#include "stepping/support/step_matrix.hpp"

TEST_SUITE_BEGIN("stepping: results");

using loopbridge::bridge_stopped;
using loopbridge::broken;
using loopbridge::cancelled;
using loopbridge::timed_out;
using namespace stepping;

namespace {

constexpr int answer = 42;

/// For operations on a call that is answered by its callable.
void submit(stepped_bridge& s) {
  s.answer = s.bridge->submit([&s] {
    ++s.outer.ran;
    return answer;
  });
}

/// For operations on a call that waits for its deferred.
void submit_deferred(stepped_bridge& s) {
  s.answer = s.bridge->submit([&s] {
    s.completer.emplace();
    s.completer->on_cancel([&s] { ++s.outer.ran; });
    return s.completer->get_deferred();
  });
}

/// Waits for what the eventual ends with: a result that must not be there counts as one too many,
/// none at all as lost.
enum class end { value, wrong_value, cancelled, broken, stopped, none };
end end_of(stepped_bridge& s) {
  try {
    return s.answer->get_for(patience) == answer ? end::value : end::wrong_value;
  } catch (const cancelled&) {
    return end::cancelled;
  } catch (const broken&) {
    return end::broken;
  } catch (const bridge_stopped&) {
    return end::stopped;
  } catch (const timed_out&) {
    return end::none;
  }
}

/// One arrival is due, and comes if the result has ended as it should.
void expect_end(stepped_bridge& s, bool as_it_should) {
  s.outer.expect(1);
  if (as_it_should) ++s.outer.ran;
}

}  // namespace

TEST_CASE("get() may be interrupted anywhere, also while it waits" * doctest::skip(!available)) {
  step_through({.name = "get",
                .run = [](stepped_bridge& s) { s.said = s.answer->get() == answer; },
                .enqueue = submit,
                .look =
                    [](stepped_bridge& s) {
                      s.outer.expect(1);  // the run
                      expect_end(s, s.said);
                    },
                .waits = true});
}

TEST_CASE("get_for() may be interrupted anywhere, also while it waits" *
          doctest::skip(!available)) {
  step_through({.name = "get_for",
                .run = [](stepped_bridge& s) { s.said = s.answer->get_for(patience) == answer; },
                .enqueue = submit,
                .look =
                    [](stepped_bridge& s) {
                      s.outer.expect(1);
                      expect_end(s, s.said);
                    },
                .waits = true});
}

TEST_CASE("wait_for() whose time is up may be interrupted anywhere, and cancels nothing" *
          doctest::skip(!available)) {
  step_through(
      {.name = "wait_for, in vain",
       .run = [](stepped_bridge& s) { s.said = s.answer->wait_for(std::chrono::microseconds(1)); },
       .enqueue = submit,
       .look =
           [](stepped_bridge& s) {
             s.outer.expect(1);
             expect_end(s, end_of(s) == end::value);
           },
       .states = {loop_is::held, loop_is::stopping}});
}

TEST_CASE("call_for() whose time is up may be interrupted anywhere, and cancels" *
          doctest::skip(!available)) {
  step_through({.name = "call_for, in vain",
                .run =
                    [](stepped_bridge& s) {
                      try {
                        s.bridge->call_for(std::chrono::microseconds(1), [&s] { ++s.outer.ran; });
                        s.outer.expect(1);
                      } catch (const timed_out&) {
                        // It does not run, unless a handler has let the loop go.
                        if (s.let_go) s.outer.most = 1;
                      } catch (const bridge_stopped&) {
                      }
                    },
                .states = {loop_is::held}});
}

TEST_CASE("cancel() of a queued call may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "cancel, queued",
                .run = [](stepped_bridge& s) { s.said = s.answer->cancel(); },
                .enqueue = submit,
                .look =
                    [](stepped_bridge& s) {
                      if (!s.said) s.outer.expect(1);
                      expect_end(s, end_of(s) == (s.said ? end::cancelled : end::value));
                    }});
}

TEST_CASE("cancel() of a call that waits for its deferred may be interrupted anywhere" *
          doctest::skip(!available)) {
  step_through({.name = "cancel, deferred",
                .run = [](stepped_bridge& s) { s.said = s.answer->cancel(); },
                .prepare = submit_deferred,
                .look =
                    [](stepped_bridge& s) {
                      s.outer.expect(1);  // the hook, whether cancelled or stopped
                      expect_end(s, end_of(s) == (s.said ? end::cancelled : end::stopped));
                      s.completer.reset();
                    }});
}

TEST_CASE("resolve() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through({.name = "resolve",
                .run = [](stepped_bridge& s) { s.said = s.completer->resolve(answer); },
                .prepare = submit_deferred,
                .look =
                    [](stepped_bridge& s) {
                      if (!s.said) s.outer.expect(1);  // the hook: the stop came first
                      expect_end(s, end_of(s) == (s.said ? end::value : end::stopped));
                    }});
}

TEST_CASE("reject() may be interrupted anywhere" * doctest::skip(!available)) {
  static const std::exception_ptr reason = std::make_exception_ptr(broken("on purpose"));
  step_through({.name = "reject",
                .run = [](stepped_bridge& s) { s.said = s.completer->reject(reason); },
                .prepare = submit_deferred,
                .look =
                    [](stepped_bridge& s) {
                      if (!s.said) s.outer.expect(1);
                      expect_end(s, end_of(s) == (s.said ? end::broken : end::stopped));
                    }});
}

TEST_CASE("a completer may be interrupted anywhere while it is destroyed" *
          doctest::skip(!available)) {
  step_through({.name = "~completer",
                .run = [](stepped_bridge& s) { s.completer.reset(); },
                .prepare = submit_deferred,
                .look =
                    [](stepped_bridge& s) {
                      const end how = end_of(s);
                      if (how == end::stopped) s.outer.expect(1);
                      expect_end(s, how == end::broken ||
                                        (how == end::stopped && s.bridge->stop_requested()));
                    }});
}

TEST_CASE("an eventual may be interrupted anywhere while it is destroyed" *
          doctest::skip(!available)) {
  step_through({.name = "~eventual",
                .run = [](stepped_bridge& s) { s.answer.reset(); },
                .enqueue = submit,
                .look = [](stepped_bridge& s) { s.outer.expect(1); }});
  step_through({.name = "~eventual, deferred",
                .run = [](stepped_bridge& s) { s.answer.reset(); },
                .prepare = submit_deferred,
                .look =
                    [](stepped_bridge& s) {
                      // Nobody is told, and the hook runs only if the bridge stops.
                      if (s.bridge->stop_requested()) s.outer.expect(1);
                      s.completer.reset();
                    }});
}

TEST_CASE("ready() and error() may be interrupted anywhere" * doctest::skip(!available)) {
  step_through(
      {.name = "ready, error",
       .run = [](stepped_bridge& s) { s.said = s.answer->ready() && s.answer->error() != nullptr; },
       .enqueue = submit,
       .look =
           [](stepped_bridge& s) {
             s.outer.expect(1);
             expect_end(s, !s.said && end_of(s) == end::value);
           }});
}
