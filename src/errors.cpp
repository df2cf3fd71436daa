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

std::exception_ptr make_error(failure f, std::source_location where) noexcept try {
  switch (f) {
    case failure::stopped:
      return std::make_exception_ptr(bridge_stopped(
          "loopbridge: the bridge stopped before this call was answered" + submitted_at(where) +
          "; keep the bridge until its calls are done, or expect bridge_stopped at shutdown"));
    case failure::cancelled:
      return std::make_exception_ptr(
          cancelled("loopbridge: this call was cancelled" + submitted_at(where) +
                    "; after eventual::cancel() there is no result to get"));
    case failure::broken:
      return std::make_exception_ptr(broken(
          "loopbridge: the deferred of this call was dropped unresolved" + submitted_at(where) +
          "; resolve or reject its completer on every path, also where the work is given up"));
    case failure::circular:
      return std::make_exception_ptr(would_deadlock(
          "loopbridge: this call would never be answered" + submitted_at(where) +
          ": it waits, in a task or a then(), for a loop whose own thread waits for this call, or "
          "for another that waits for it; on a loop thread do not wait: submit(), and go on in a "
          "callback"));
    case failure::rejected_with_null:
      return std::make_exception_ptr(broken(
          "loopbridge: the deferred of this call was rejected with a null std::exception_ptr" +
          submitted_at(where) +
          "; std::current_exception() is null outside of a catch block: reject with an exception"));
  }
  std::terminate();
} catch (...) {
  return std::current_exception();
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

void throw_stopped(std::source_location where) {
  throw bridge_stopped("loopbridge: this bridge has stopped and takes no more calls" +
                       submitted_at(where) + "; submit before stop(), or make a new bridge");
}

void throw_full(std::source_location where, std::chrono::nanoseconds waited) {
  throw bridge_full(
      "loopbridge: this bridge is full: as many calls as options::capacity allows are queued" +
      (waited > waited.zero() ? ", and there was no room within " + text_of(waited) : "") +
      submitted_at(where) + "; raise options::capacity or options::patience, or submit less");
}

void throw_wrong_process(std::source_location where) {
  throw wrong_process(
      "loopbridge: this bridge belongs to the process that forked this one, and its loop does not "
      "run here" +
      submitted_at(where) + "; make a new bridge after fork()");
}

void throw_timed_out(std::source_location where, std::chrono::nanoseconds waited, missing what) {
  const auto up = [&](const char* then, const char* fix) {
    return timed_out("loopbridge: the time to wait, " + text_of(waited) + ", was up " + then +
                     submitted_at(where) + "; " + fix);
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

void throw_queue_closed(std::source_location where) {
  throw queue_closed("loopbridge: this queue is closed" + submitted_at(where) +
                     "; put before close(), and let getters that have got all take queue_closed "
                     "for the end");
}

void throw_no_state(const char* what) {
  throw no_state(std::string("loopbridge: ") + what);
}

}  // namespace loopbridge::detail

void loopbridge::throw_unless_ok(status s, std::source_location where) {
  using detail::submitted_at;
  switch (s) {
    case status::accepted:
    case status::answered:
      return;
    case status::bridge_stopped:
      detail::throw_stopped(where);
    case status::bridge_full:
      detail::throw_full(where);
    case status::exhausted:
      throw loopbridge::exhausted(
          "loopbridge: there is no memory for this call, or every slot reserved for such calls is "
          "in use" +
          submitted_at(where) + "; raise options::reentrant_slots, or submit less");
    case status::wrong_process:
      detail::throw_wrong_process(where);
    case status::timed_out:
      throw loopbridge::timed_out("loopbridge: the time to wait was up before the call had run" +
                                  submitted_at(where) + "; it may still run");
    case status::would_deadlock:
      throw loopbridge::would_deadlock(
          "loopbridge: this wait would never end: it is on the loop's own thread" +
          submitted_at(where) + "; there submit, and do not wait");
    case status::queue_closed:
      detail::throw_queue_closed(where);
    case status::unsupported:
      throw loopbridge::unsupported(
          "loopbridge: a handler cannot wait on a bridge with doorbell::uv_async" +
          submitted_at(where) + "; use doorbell::wakeup_fd");
  }
  throw error("loopbridge: this is no status" + submitted_at(where));
}
