#pragma once

namespace loopbridge {

/// What became of a submission, for the functions that do not throw, and of a call.
///
/// `accepted` and `answered` mean that the call runs or has run. Each of the others has an error of
/// the same name: see errors.hpp. Returned by a function they mean that the call was refused and
/// runs nothing, except `timed_out`, after which it may still run.
enum class [[nodiscard]] status : unsigned char {
  accepted,        ///< it runs exactly once on the loop thread, or is reported as `bridge_stopped`
  answered,        ///< awaited, and it has run
  bridge_stopped,  ///< the bridge has stopped or is stopping
  bridge_full,     ///< as many calls as options::capacity allows are queued
  exhausted,       ///< no memory, or every slot reserved for handlers is in use
  wrong_process,   ///< the bridge belongs to the process that forked this one
  timed_out,       ///< awaited, and the deadline came first
  would_deadlock,  ///< awaited on the bridge's own loop thread, or in a cycle of waits
  unsupported,     ///< awaited from a handler on a doorbell that cannot promise to wake the loop
  queue_closed,    ///< of a reentrant_queue: it is closed
  cancelled,       ///< accepted, and cancelled before it had a result
  broken,          ///< accepted, and its completer was dropped unresolved or given no exception
};

/// The enumerator's name, for messages. Any thread, any handler.
constexpr const char* to_string(status s) noexcept {
  switch (s) {
    case status::accepted:
      return "accepted";
    case status::answered:
      return "answered";
    case status::bridge_stopped:
      return "bridge_stopped";
    case status::bridge_full:
      return "bridge_full";
    case status::exhausted:
      return "exhausted";
    case status::wrong_process:
      return "wrong_process";
    case status::timed_out:
      return "timed_out";
    case status::would_deadlock:
      return "would_deadlock";
    case status::unsupported:
      return "unsupported";
    case status::queue_closed:
      return "queue_closed";
    case status::cancelled:
      return "cancelled";
    case status::broken:
      return "broken";
  }
  return "unknown";
}

}  // namespace loopbridge
