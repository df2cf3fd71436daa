#pragma once

#include <spdlog/sinks/sink.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "loopbridge/log/log_sink.hpp"

// spdlog, on either side of a log_sink. This header needs spdlog, which the library itself does
// not, and so is not part of loopbridge.hpp.
namespace loopbridge {

/// A sink of spdlog's that hands its messages to a log_sink. So programs that log by spdlog share
/// one log with handlers, and no logger waits for the disk.
///
/// A message is cut as log_sink::log() cuts it. A dropped one is counted there, and the log says
/// so. The writer decides what a line looks like, so patterns set here have no effect.
///
/// Thread   any ordinary thread: spdlog allocates and locks
/// After the end   The log_sink must outlive it.
class spdlog_sink final : public spdlog::sinks::sink {
 public:
  /// `flush_timeout`: how long flush() waits before it throws.
  explicit spdlog_sink(log_sink& to,
                       std::chrono::milliseconds flush_timeout = std::chrono::seconds(10)) noexcept
      : to_(to), flush_timeout_(flush_timeout) {}

  void log(const spdlog::details::log_msg& msg) override {
    static constexpr log_format<1> plain("{}");
    static constexpr log_format<2> named("[{}] {}");
    const auto level = static_cast<log_level>(msg.level);  // the same ones, in the same order
    const char* const file = msg.source.filename;
    const auto line = static_cast<unsigned>(msg.source.line);
    const std::string_view text(msg.payload.data(), msg.payload.size());
    const std::string_view name(msg.logger_name.data(), msg.logger_name.size());
    if (name.empty()) {
      (void)to_.log(level, plain.at(file, line), text);
    } else {
      (void)to_.log(level, named.at(file, line), name, text);
    }
  }

  /// Flushes the log_sink.
  /// Blocks   at most for `flush_timeout`
  /// Throws   spdlog::spdlog_ex, which spdlog's loggers report, if the log_sink does not answer
  void flush() override {
    if (const status s = to_.flush(flush_timeout_); s != status::answered) {
      throw spdlog::spdlog_ex(std::string("loopbridge: the log was not flushed: ") + to_string(s));
    }
  }

  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  log_sink& to_;
  const std::chrono::milliseconds flush_timeout_;
};
static_assert(static_cast<int>(log_level::trace) == SPDLOG_LEVEL_TRACE &&
              static_cast<int>(log_level::warning) == SPDLOG_LEVEL_WARN &&
              static_cast<int>(log_level::critical) == SPDLOG_LEVEL_CRITICAL);

/// Has spdlog's sink `to` write a log_sink's messages, with the time and thread of log() and by
/// `to`'s own pattern and level: `opts.writer = log_to_spdlog(std::make_shared<...sink_mt>(...))`.
/// `name` is what the pattern shows as the logger's.
/// Thread   Only the log_sink's thread uses `to`, so spdlog's sinks without locks (`_st`) will do.
/// Throws   std::bad_alloc
inline log_writer log_to_spdlog(std::shared_ptr<spdlog::sinks::sink> to, std::string name = {}) {
  log_writer writer;
  writer.write = [to, logger = std::move(name)](const log_line& line) {
    const auto level = static_cast<spdlog::level::level_enum>(line.level);
    if (!to->should_log(level)) return;
    const spdlog::source_loc where{line.file, static_cast<int>(line.line), ""};
    spdlog::details::log_msg msg(line.time, where, logger, level,
                                 {line.text.data(), line.text.size()});
    msg.thread_id = static_cast<std::size_t>(line.thread);
    to->log(msg);
  };
  writer.flush = [to] { to->flush(); };
  return writer;
}

}  // namespace loopbridge
