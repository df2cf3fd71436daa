#pragma once

#include <chrono>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>

#include "loopbridge/status.hpp"

namespace loopbridge {

/// The base of every error that the library itself reports; `catch (const loopbridge::error&)`
/// takes them all. What a callable throws arrives at its waiter as it was thrown.
/// `std::system_error` (a bridge that cannot start) and `std::bad_alloc` stay what they are.
/// `std::bad_alloc` also comes in place of an error for whose message there is no memory.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The bridge has stopped or is stopping. The call was refused, or it ended unanswered.
class bridge_stopped : public error {
 public:
  using error::error;
};

/// As many calls as options::capacity allows are queued. The call was refused: at once, or when
/// options::patience was over.
class bridge_full : public error {
 public:
  using error::error;
};

/// The call was cancelled before it had a result.
class cancelled : public error {
 public:
  using error::error;
};

/// The time given to wait was up first. The message says how long that was, and what the call was
/// waiting for then: its turn, its callable, what the callable had only begun (the usual case with
/// a server that is silent, for which the loop can do nothing), or room in a full bridge.
class timed_out : public error {
 public:
  using error::error;
};

/// An interruption or a std::stop_token ended the wait early. The call goes on.
class interrupted : public error {
 public:
  using error::error;
};

/// The completer of a deferred result was dropped without resolving it, or rejected with a null
/// std::exception_ptr. Or the semaphore or async_mutex that a task waited for was destroyed.
class broken : public error {
 public:
  using error::error;
};

/// The wait could never end: it is on the loop's own thread, or closes a cycle of bridges.
///
/// Where the cycle leads through a task or a then() that is suspended, waits without a deadline are
/// refused. The waiting thread gets this error, or, if it waits already, the task's call ends in
/// it. So it is with tasks that wait for an async_mutex, also where no thread waits for them. A
/// when_all() or when_any() of several calls is in no cycle, as another of them may end it.
/// Nor is a wait with a deadline or an interruption, where a task is in between.
class would_deadlock : public error {
 public:
  using error::error;
};

/// The bridge belongs to the process that forked this one. Its loop does not run here.
class wrong_process : public error {
 public:
  using error::error;
};

/// There was no memory for the call, or every slot that is reserved for such calls was in use.
class exhausted : public error {
 public:
  using error::error;
};

/// A wait in a handler, on a bridge with doorbell::uv_async, which cannot promise to end it.
class unsupported : public error {
 public:
  using error::error;
};

/// The handle is empty: default-constructed, moved from, or its result was taken already.
class no_state : public error {
 public:
  using error::error;
};

/// No result is stashed under this number, or it is of another type.
class not_stashed : public error {
 public:
  using error::error;
};

/// The queue is closed, and all that was put into it has been taken. See reentrant_queue.
class queue_closed : public error {
 public:
  using error::error;
};

namespace detail {

/// Throws the error that `s` names, for a call that was refused so. The message names the fix.
/// `where`, here and below, is the place of submission.
[[noreturn]] void throw_error(status s, std::source_location where = {});

/// The error that `s` names, for a call that was accepted and has ended so. Without the memory for
/// its message that is std::bad_alloc. Results keep a status, and build the exception on the thread
/// that asks, so that ending a call in failure neither allocates nor throws, on the loop or while a
/// bridge stops.
std::exception_ptr make_error(status s, std::source_location where) noexcept;

/// Is it bridge_stopped or cancelled? Where a task was given up, its waiter has been told.
bool is_cancellation_or_stop(const std::exception_ptr& error) noexcept;

/// What a call waited for when its time was up.
enum class missing : unsigned char { room, turn, callable, answer };

/// The `timed_out` of a call, with what it waited for. Of call_for(), which then cancels it, that
/// is certain: the callable has not begun, and never will, at `room` and `turn` alone.
class call_timed_out : public timed_out {
 public:
  call_timed_out(const std::string& text, missing what) : timed_out(text), what_was_missing(what) {}
  bool has_begun() const noexcept {
    return what_was_missing == missing::callable || what_was_missing == missing::answer;
  }

  const missing what_was_missing;
};

/// Throws the error named, where more is known than its status. `waited` is how long; zero: it did
/// not wait.
[[noreturn]] void throw_full(std::source_location where, std::chrono::nanoseconds waited = {});
[[noreturn]] void throw_timed_out(std::source_location where, std::chrono::nanoseconds waited,
                                  missing what);
[[noreturn]] void throw_interrupted(std::source_location where);
[[noreturn]] void throw_no_state(const char* what);

/// " (submitted at file:line)", or nothing where the place is not known.
std::string submitted_at(std::source_location where);

/// "file.cpp:7", or "an unknown place"; cut where it is longer. For messages that must not fail.
class where_text {
 public:
  explicit where_text(std::source_location where) noexcept;
  const char* c_str() const noexcept { return text_; }

 private:
  char text_[512];
};

}  // namespace detail

/// Turns a status into its error. Returns for `accepted` and `answered`. For every other status it
/// throws the error of the same name, whose message names `where`. Any ordinary thread.
inline void throw_unless_ok(status s,
                            std::source_location where = std::source_location::current()) {
  if (s != status::accepted && s != status::answered) detail::throw_error(s, where);
}

}  // namespace loopbridge
