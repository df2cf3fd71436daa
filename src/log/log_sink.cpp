#include "loopbridge/log/log_sink.hpp"

#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "log/log_record.hpp"
#include "loopbridge/bridge.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/errors.hpp"
#include "loopbridge/handlers/reentrant_call.hpp"
#include "platform/platform.hpp"
#include "sync/per_process.hpp"

namespace loopbridge {
namespace detail {

/// What a sink consists of. The exit of the process may hold it, too.
struct log_state {
  explicit log_state(log_options&& opts);

  const std::shared_ptr<log_records> records;  ///< the loop holds them, too
  bridge loop;
  loop_core& core;
  /// Fired once for each message for which there was no record; cannot fail, and counts by itself.
  reentrant_call say_dropped;
  reentrant_call flush;
};

namespace {

options options_for(const std::shared_ptr<log_records>& shared, log_options&& opts) {
  options o;
  o.name = std::move(opts.name);
  o.on_unhandled_error = std::move(opts.on_unhandled_error);
  o.stack_size = opts.stack_size;
  o.spin = spinning::off;  // nobody waits for it
  o.reentrant_slots = 0;   // the records are its slots
  o.on_thread_exit = [shared] {};
  return o;
}

void write_dropped(const log_records& records, std::uint64_t count) {
  const std::string text =
      count == 1 ? "1 message was dropped, for want of a free record"
                 : std::to_string(count) + " messages were dropped, for want of free records";
  records.writer.write({log_level::warning, std::chrono::system_clock::now(),
                        platform::number_of_this_thread(), text});
}

/// The sinks that exit has to stop.
struct open_sinks {
  using states = std::set<std::shared_ptr<log_state>>;

  std::mutex mutex;
  states open;
};

/// Ends it here, or, where this thread cannot wait for that, later by itself.
void end(bridge& loop) noexcept {
  try {
    loop.stop();
  } catch (...) {
    // would_deadlock: the writer waits for the loop of this thread.
    loop.stop_reentrant();
  }
}

void stop_open_sinks();
constinit per_process<open_sinks> the_sinks(stop_open_sinks);

void stop_open_sinks() {
  open_sinks* const s = the_sinks.own();
  if (s == nullptr) return;
  open_sinks::states left;
  {
    const std::lock_guard lock(s->mutex);
    left.swap(s->open);
  }
  for (const auto& state : left) end(state->loop);
}

std::shared_ptr<log_state> make_state(log_options&& opts) {
  if (!opts.writer.write) opts.writer = log_to_stderr();
  open_sinks& s = the_sinks.get();
  const auto state = std::make_shared<log_state>(std::move(opts));
  open_sinks::states entry{state};
  const std::lock_guard lock(s.mutex);
  s.open.merge(entry);
  return state;
}

}  // namespace

log_state::log_state(log_options&& opts)
    : records(std::make_shared<log_records>(opts)),
      loop(options_for(records, std::move(opts))),
      core(bridge_access::core(loop)),
      // Both are called on the loop only, which has the records.
      say_dropped(loop, [r = records.get()](std::uint64_t count) { write_dropped(*r, count); }),
      flush(loop, [r = records.get()] {
        if (r->writer.flush) r->writer.flush();
      }) {}

void log_record::fill(log_records& home, log_level level, const log_message& message,
                      const log_argument* args) noexcept {
  home_ = &home;
  time_ = std::chrono::system_clock::now();
  thread_ = platform::number_of_this_thread();
  where_ = message.where;
  file_ = message.file;
  line_ = message.line;
  level_ = level;
  size_ = static_cast<std::uint16_t>(
      write_log_text(text_, text_ + sizeof(text_), message.text, args) - text_);
}

call_base* log_record::run(loop_core& core) noexcept {
  try {
    home_->writer.write({level_, time_, thread_, {text_, size_}, file_, line_});
  } catch (...) {
    core.unhandled(std::current_exception(), where_);
  }
  home_->slots.release(*this);
  return nullptr;
}

call_base* log_record::refuse(loop_core& core) noexcept {
  core.unhandled(make_error(status::bridge_stopped, where_), where_);
  home_->dropped.fetch_add(1);
  home_->slots.release(*this);
  return nullptr;
}

}  // namespace detail

log_sink::log_sink(log_options opts) : state_(detail::make_state(std::move(opts))) {}

log_sink::~log_sink() {
  if (!state_->core.is_this_process()) return;  // the parent's list of sinks is left alone, too
  detail::end(state_->loop);
  detail::open_sinks::states::node_type entry;
  detail::open_sinks& s = *detail::the_sinks.own();
  const std::lock_guard lock(s.mutex);
  entry = s.open.extract(state_);
}

status log_sink::take(log_level level, const detail::log_message& message,
                      const detail::log_argument* args) noexcept {
  detail::log_state& s = *state_;
  const auto drop = [&](status why) {
    s.records->dropped.fetch_add(1);
    return why;
  };
  if (!s.core.is_this_process()) return drop(status::wrong_process);
  detail::log_record* const record = s.records->slots.claim();
  if (record == nullptr) {
    return drop(s.say_dropped.post() == status::accepted ? status::exhausted
                                                         : status::bridge_stopped);
  }
  record->fill(*s.records, level, message, args);
  const status done = s.core.submit(*record);
  if (done == status::accepted) return done;
  s.records->slots.release(*record);
  return drop(done);
}

status log_sink::flush_within(std::chrono::nanoseconds timeout) noexcept {
  return state_->flush.call_for(timeout);
}

std::uint64_t log_sink::dropped() const noexcept {
  return state_->records->dropped.load();
}

void log_sink::stop() {
  state_->loop.stop();
}

}  // namespace loopbridge
