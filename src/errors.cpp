#include "loopbridge/errors.hpp"

#include <cstdio>
#include <exception>
#include <source_location>

namespace loopbridge::detail {
namespace {

std::string text_of(std::chrono::nanoseconds time) {
  const double ms = static_cast<double>(time.count()) / 1e6;
  char text[32];
  std::snprintf(text, sizeof text, ms < 1e4 ? "%.6g ms" : "%.6g s", ms < 1e4 ? ms : ms / 1e3);
  return text;
}

/// `ended`: the call had been accepted; else it was refused.
[[noreturn]] void throw_error(status s, std::source_location where, bool ended) {
  const std::string at = submitted_at(where);
  switch (s) {
    case status::bridge_stopped:
      throw bridge_stopped(
          ended ? "loopbridge: the bridge stopped before this call was answered" + at +
                      "; keep the bridge until its calls are done, or expect bridge_stopped at "
                      "shutdown"
                : "loopbridge: this bridge has stopped and takes no more calls" + at +
                      "; submit before stop(), or make a new bridge");
    case status::bridge_full:
      throw_full(where);
    case status::exhausted:
      throw exhausted(
          "loopbridge: there is no memory for this call, or every slot reserved for such calls is "
          "in use" +
          at + "; raise options::reentrant_slots, or submit less");
    case status::wrong_process:
      throw wrong_process(
          "loopbridge: this bridge belongs to the process that forked this one, and its loop does "
          "not run here" +
          at + "; make a new bridge after fork()");
    case status::timed_out:
      throw timed_out("loopbridge: the time to wait was up before the call had run" + at +
                      "; it may still run");
    case status::would_deadlock:
      throw would_deadlock(
          ended ? "loopbridge: this call would never be answered" + at +
                      ": it waits, in a task or a then(), for a loop whose own thread waits for "
                      "this call, or for an async_mutex whose holder waits for it, or for another "
                      "that waits for it; on a loop thread do not wait: submit(), and go on in a "
                      "callback; lock several mutexes in the same order everywhere"
                : "loopbridge: this wait would never end: it is on the loop's own thread" + at +
                      "; there submit, and do not wait");
    case status::unsupported:
      throw unsupported("loopbridge: a handler cannot wait on a bridge with doorbell::uv_async" +
                        at + "; use doorbell::wakeup_fd");
    case status::queue_closed:
      throw queue_closed("loopbridge: this queue is closed" + at +
                         "; put before close(), and let getters that have got all take "
                         "queue_closed for the end");
    case status::cancelled:
      throw cancelled("loopbridge: this call was cancelled" + at +
                      "; after eventual::cancel() there is no result to get");
    case status::broken:
      throw broken(
          "loopbridge: the deferred of this call was dropped unresolved, or rejected with a null "
          "std::exception_ptr" +
          at +
          "; resolve or reject its completer on every path, also where the work is given up, and "
          "reject with an exception: std::current_exception() is null outside of a catch block");
    case status::accepted:
    case status::answered:
      break;
  }
  throw error("loopbridge: this status is no error" + at);
}

}  // namespace

std::string submitted_at(std::source_location where) {
  if (where.line() == 0) return {};
  return std::string(" (submitted at ") + where_text(where).c_str() + ")";
}

where_text::where_text(std::source_location where) noexcept {
  if (where.line() == 0) {
    std::snprintf(text_, sizeof text_, "an unknown place");
  } else {
    std::snprintf(text_, sizeof text_, "%s:%u", where.file_name(), unsigned{where.line()});
  }
}

std::exception_ptr make_error(status s, std::source_location where) noexcept try {
  throw_error(s, where, true);
} catch (...) {
  return std::current_exception();
}

void throw_error(status s, std::source_location where) {
  throw_error(s, where, false);
}

bool is_cancellation_or_stop(const std::exception_ptr& error) noexcept {
  try {
    if (error != nullptr) std::rethrow_exception(error);
  } catch (const bridge_stopped&) {
    return true;
  } catch (const cancelled&) {
    return true;
  } catch (...) {
  }
  return false;
}

void throw_full(std::source_location where, std::chrono::nanoseconds waited) {
  throw bridge_full(
      "loopbridge: this bridge is full: as many calls as options::capacity allows are queued" +
      (waited > waited.zero() ? ", and there was no room within " + text_of(waited) : "") +
      submitted_at(where) + "; raise options::capacity or options::patience, or submit less");
}

void throw_timed_out(std::source_location where, std::chrono::nanoseconds waited, missing what) {
  const auto up = [&](const char* then, const char* fix) {
    return call_timed_out("loopbridge: the time to wait, " + text_of(waited) + ", was up " + then +
                              submitted_at(where) + "; " + fix,
                          what);
  };
  switch (what) {
    case missing::room:
      throw up("while the call waited for room in a full bridge",
               "raise options::capacity, or submit less");
    case missing::turn:
      throw up("while the call was queued",
               "is the loop blocked by a callback, or the timeout too short?");
    case missing::callable:
      throw up("while the callable was running",
               "it goes on, and its result is lost; does it block the loop, or is the timeout too "
               "short?");
    case missing::answer:
      throw up("while the call, whose callable has returned, waited for its deferred or task",
               "the loop is not to blame: what that has begun has not ended");
  }
  std::terminate();
}

void throw_interrupted(std::source_location where) {
  throw interrupted(
      "loopbridge: the wait was interrupted before the call was answered" + submitted_at(where) +
      "; the call goes on: wait again, after interrupt_source::reset(), or cancel() it");
}

void throw_no_state(const char* what) {
  throw no_state(std::string("loopbridge: ") + what);
}

}  // namespace loopbridge::detail
