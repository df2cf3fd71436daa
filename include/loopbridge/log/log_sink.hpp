#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/log/log_argument.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/options.hpp"
#include "loopbridge/status.hpp"

// log() may be called from a signal handler, at any instruction; also by threads, loops and
// finalizers. A loop in a thread of its own writes the messages: so neither a slow disk nor a lock
// of the writer's holds up the caller.
namespace loopbridge {

enum class log_level : unsigned char { trace, debug, info, warning, error, critical };

/// The enumerator's name.
/// Thread   anywhere, at any instruction
constexpr const char* to_string(log_level l) noexcept {
  const char* const names[] = {"trace", "debug", "info", "warning", "error", "critical"};
  const auto n = static_cast<std::size_t>(l);
  return n < std::size(names) ? names[n] : "unknown";
}

/// One message, as its writer gets it: the time and the thread are those of log().
struct log_line {
  log_level level;
  std::chrono::system_clock::time_point time;
  std::uint64_t thread;        ///< the system's number of it; on Linux what `ps -L` shows
  std::string_view text;       ///< only until the writer returns
  const char* file = nullptr;  ///< of the call of log(); null where that is not known
  unsigned line = 0;
};

/// "2026-11-23T21:19:11.083512Z 4711 warning: text": the time is UTC's.
/// Thread   any ordinary thread
std::string to_string(const log_line& line);

/// What becomes of the messages.
/// Thread   The sink's own thread calls both functions, one call at a time.
/// Throws   What they throw goes to log_options::on_unhandled_error, with the place of the call of
///          log(). The next message is written all the same.
struct log_writer {
  std::function<void(const log_line&)> write;
  /// Passes on what `write` may have kept. Called by log_sink::flush().
  std::function<void()> flush = {};
};

/// Writes lines of to_string(log_line) to stderr.
log_writer log_to_stderr();

/// Writes lines of to_string(log_line) to the end of a file, which is made if there is none. Each
/// line is written at once, by one system call: it survives the end of the process. (Files that
/// change with their size or by the day are spdlog's sinks: see log_to_spdlog() in spdlog.hpp.)
/// Throws   std::system_error if the file cannot be opened
log_writer log_to_file(const std::string& path);

struct log_options {
  /// Names the sink's thread, and the sink in messages: see options::name.
  std::string name = "log";
  /// If it has no `write`: log_to_stderr().
  log_writer writer = {};
  /// How many messages may wait for the writer. Fixed, because a handler cannot allocate: half a
  /// kilobyte each. Rounded up to 64.
  std::size_t records = 1024;
  /// The stack of the sink's thread, where the writer runs: see options::stack_size.
  std::size_t stack_size = 0;
  /// Receives what the writer throws, on the sink's thread: see options::on_unhandled_error.
  std::function<void(const unhandled_error&)> on_unhandled_error = {};
};

namespace detail {
struct log_state;

/// What is logged, without its arguments.
struct log_message {
  std::string_view text;
  std::source_location where;  ///< of the call of log()
  const char* file;            ///< the same, or what an adapter has given
  unsigned line;
};
}  // namespace detail

/// The text of a message, with a {} for each argument; {{ and }} are braces. It is a literal, and a
/// wrong one does not compile.
template <std::size_t Arguments>
class log_format {
 public:
  template <std::size_t Size>
  consteval log_format(const char (&text)[Size],  // NOLINT: implicit
                       std::source_location where = std::source_location::current())
      : message_{{text, Size - 1}, where, where.file_name(), where.line()} {
    const std::string_view all = message_.text;
    std::size_t found = 0;
    for (std::size_t n = 0; n < all.size(); ++n) {
      const char c = all[n];
      if (c != '{' && c != '}') continue;
      const char next = n + 1 < all.size() ? all[n + 1] : '\0';
      if (next != c && !(c == '{' && next == '}')) throw "log(): write {{ or }} for a brace";
      if (next != c) ++found;
      ++n;
    }
    if (found != Arguments) throw "log(): there must be one {} for each argument";
  }

  /// A text that is not a literal: wrong, and the compiler's message says what to do.
  template <class Text>
    requires(!std::is_array_v<Text>)
  log_format(const Text&) {  // NOLINT: implicit
    static_assert(detail::never<Text>,
                  "log() takes a literal with a {} for each argument, also for a text that the "
                  "program made: log(level, \"{}\", text)");
  }

  /// The same text for a message that comes from elsewhere: for adapters of other logging
  /// libraries. `file` is kept as a pointer, until the message is written.
  constexpr log_format at(const char* file, unsigned line) const noexcept {
    log_format moved = *this;
    moved.message_.file = file;
    moved.message_.line = line;
    return moved;
  }

  const detail::log_message& message() const noexcept { return message_; }

 private:
  detail::log_message message_;
};

/// Takes messages from anywhere, and has them written on a thread of its own.
///
/// Thread   log, flush, dropped: anywhere; in handlers and finalizers, inside another of these
///          functions, or inside malloc. stop and the destructor: any ordinary thread.
/// Order    The messages of one thread, its handlers' included, are written in the order in which
///          log() took them. If one log() happens before another one on another thread, its
///          message is written first.
/// After the end   What was accepted is written: stop(), the destructor and std::exit see to it,
///          std::exit even if the sink is never destroyed. Only the process' end by a signal or by
///          _exit loses messages. Destroy a sink only after every member call has returned.
class log_sink {
 public:
  /// Starts the thread.
  /// Throws   std::system_error if it cannot (no descriptors, no thread, a failing uv call),
  ///          std::bad_alloc
  explicit log_sink(log_options opts = {});
  /// stop(). It cannot wait on the sink's own thread (in the writer), nor on the thread of a loop
  /// that the writer waits for. There the rest is written later, and the writer lives until then.
  ~log_sink();
  log_sink(const log_sink&) = delete;
  log_sink& operator=(const log_sink&) = delete;

  /// Has a message written: `log(log_level::warning, "{} of {} lost", n, all)`. Takes no lock,
  /// allocates nothing, and keeps errno. See is_loggable for the types of arguments; any other does
  /// not compile. Arguments are formatted at once, so nothing they point to is needed later. A text
  /// longer than some 400 bytes is cut, and ends in "...".
  ///
  ///   accepted         it will be written
  ///   exhausted        log_options::records wait; the log will say how many were dropped
  ///   bridge_stopped   the sink has stopped
  ///   wrong_process    this is a forked child; nothing of the parent's log is touched
  ///
  /// A message that is not accepted is dropped, and counted.
  ///
  /// Thread   anywhere, at any instruction
  template <class... Args>
  status log(log_level level, log_format<sizeof...(Args)> format, const Args&... args) noexcept {
    static_assert((is_loggable<Args> && ...),
                  "log() takes bool, char, integers, floating point, texts, pointers and "
                  "log_errno, because it may be called in a signal handler: turn anything else "
                  "into these");
    const detail::log_argument all[] = {detail::as_log_argument(args)..., {}};
    return take(level, format.message(), all);
  }

  /// Waits until all that was accepted before is written, and the writer has flushed; at most for
  /// `timeout`. `answered`; `timed_out`, `bridge_stopped`, `wrong_process`, `would_deadlock` (the
  /// sink's own thread) or `exhausted` (16 callers wait for this already).
  ///
  /// Thread   anywhere, at any instruction
  /// Blocks   until then
  template <class Rep, class Period>
  status flush(std::chrono::duration<Rep, Period> timeout) noexcept {
    return flush_within(detail::in_nanoseconds(timeout));
  }

  /// How many messages were not accepted so far, in this process and, before the fork, its parent.
  /// Thread   anywhere, at any instruction
  std::uint64_t dropped() const noexcept;

  /// Writes what was accepted, ends the thread, and from then on refuses. May be called again.
  /// Thread   any ordinary thread
  /// Blocks   until all is written
  /// Throws   `would_deadlock` on the thread of a loop that the writer waits for; `wrong_process`
  void stop();

 private:
  status take(log_level level, const detail::log_message& message,
              const detail::log_argument* args) noexcept;
  status flush_within(std::chrono::nanoseconds timeout) noexcept;

  const std::shared_ptr<detail::log_state> state_;
};

}  // namespace loopbridge
