#pragma once

#include <atomic>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <string>

#include "support/patience.hpp"

/// Submits in every way there is, as a destructor might, and says in words what became of each.
namespace every_way {

using loopbridge::status;

/// The status that an exception of the library's stands for.
template <class F>
status told(F&& f) noexcept {
  try {
    return f();
  } catch (const loopbridge::bridge_stopped&) {
    return status::bridge_stopped;
  } catch (const loopbridge::would_deadlock&) {
    return status::would_deadlock;
  } catch (const loopbridge::wrong_process&) {
    return status::wrong_process;
  } catch (const loopbridge::timed_out&) {
    return status::timed_out;
  } catch (...) {
    return status::unsupported;
  }
}

/// What a destructor reaches: a bridge, a prepaid call on it, and how often the loop has run one of
/// its calls. The callables lead to the count alone, which outlives them.
struct target {
  target(loopbridge::bridge& bridge_, std::atomic<int>& runs_)
      : bridge(bridge_),
        runs(runs_),
        call(bridge_, [&r = runs_](std::uint64_t firings) { r += static_cast<int>(firings); }) {}

  loopbridge::bridge& bridge;
  std::atomic<int>& runs;
  loopbridge::reentrant_call call;
};

/// A target with a bridge of its own.
struct own_target {
  /// How many calls the loop has run, with all that were submitted by now.
  int has_run() {
    bridge.call_for(support::generous, [] {});
    return runs;
  }

  std::atomic<int> runs{0};
  std::string said;  ///< what submit() has returned: the test's
  loopbridge::bridge bridge;
  target t{bridge, runs};
};

inline std::string submit(target& t) {
  const auto run = [&r = t.runs] { ++r; };
  std::string said;
  const auto note = [&](const char* way, status s) {
    said += std::string(said.empty() ? "" : ", ") + way + " " + to_string(s);
  };
  note("post", told([&] {
         t.bridge.post(run);
         return status::accepted;
       }));
  note("try_post", t.bridge.try_post(run));
  note("submit", told([&] {
         t.bridge.submit(run).get_for(support::generous);
         return status::answered;
       }));
  note("call", told([&] {
         t.bridge.call(run);
         return status::answered;
       }));
  note("call_for", told([&] {
         t.bridge.call_for(support::generous, run);
         return status::answered;
       }));
  note("post_reentrant", t.bridge.post_reentrant([](std::atomic<int>* r) { ++*r; }, &t.runs));
  note("prepaid", t.call.post());
  note("prepaid and wait", t.call.call_for(support::generous));
  return said;
}

/// What submit() says on an ordinary thread; then eight calls have run or will.
inline const std::string works =
    "post accepted, try_post accepted, submit answered, call answered, call_for answered, "
    "post_reentrant accepted, prepaid accepted, prepaid and wait answered";
/// On the loop's own thread, where five of them run later.
inline const std::string works_without_waiting =
    "post accepted, try_post accepted, submit would_deadlock, call would_deadlock, "
    "call_for would_deadlock, post_reentrant accepted, prepaid accepted, "
    "prepaid and wait would_deadlock";
inline const std::string refused =
    "post bridge_stopped, try_post bridge_stopped, submit bridge_stopped, call bridge_stopped, "
    "call_for bridge_stopped, "
    "post_reentrant bridge_stopped, prepaid bridge_stopped, prepaid and wait bridge_stopped";

}  // namespace every_way
