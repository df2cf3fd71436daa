// spdlog on either side of a log.
#include <doctest/doctest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/log/spdlog.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "support/gate.hpp"
#include "support/log_lines.hpp"

TEST_SUITE_BEGIN("log_spdlog");

using namespace std::chrono_literals;
using loopbridge::log_level;
using loopbridge::log_line;
using loopbridge::log_options;
using loopbridge::log_sink;
using loopbridge::log_to_spdlog;
using loopbridge::spdlog_sink;
using loopbridge::status;
using texts = std::vector<std::string>;

TEST_CASE("what is logged by spdlog comes to the log, with its level, thread and place") {
  const support::log_lines lines;
  log_sink log(lines.options());
  spdlog::logger logger("mail", std::make_shared<spdlog_sink>(log));
  logger.set_level(spdlog::level::trace);
  logger.trace("one");
  logger.critical("{} {}", "two", 2);
  logger.log({"file.cpp", 7, "f"}, spdlog::level::warn, "three");
  spdlog::logger("", std::make_shared<spdlog_sink>(log)).error("of no name");
  logger.flush();
  const auto all = lines.all();
  CHECK(lines.texts() == texts{"[mail] one", "[mail] two 2", "[mail] three", "of no name"});
  REQUIRE(all.size() == 4);
  CHECK(all[0].level == log_level::trace);
  CHECK(all[1].level == log_level::critical);
  CHECK(all[2].level == log_level::warning);
  CHECK(all[3].level == log_level::error);
  CHECK(all[0].thread == static_cast<std::uint64_t>(syscall(SYS_gettid)));
  CHECK(all[0].file == nullptr);
  CHECK(std::string(all[2].file) == "file.cpp");
  CHECK(all[2].line_of_file == 7);
}

TEST_CASE("a flush that is not done in time is spdlog's error") {
  const support::gate open;
  log_options opts;
  opts.writer.write = [open](const log_line&) {
    if (!open.wait()) std::abort();
  };
  log_sink log(opts);
  spdlog::logger logger("", std::make_shared<spdlog_sink>(log, 1ms));
  std::string error;
  logger.set_error_handler([&](const std::string& what) { error = what; });
  logger.info("slow");
  logger.flush();
  open.open();
  CHECK(error == "loopbridge: the log was not flushed: timed_out");
}

TEST_CASE("a sink of spdlog's writes what is logged, by its own pattern and level") {
  std::ostringstream out;
  const auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(out);
  sink->set_pattern("%n|%l|%t|%s:%#|%v");
  sink->set_level(spdlog::level::info);
  log_options opts;
  opts.writer = log_to_spdlog(sink, "mine");
  log_sink log(opts);
  const auto line = std::to_string(__LINE__ + 1);
  CHECK(log.log(log_level::warning, "{} and {}", 1, 2) == status::accepted);
  CHECK(log.log(log_level::debug, "not wanted") == status::accepted);
  CHECK(log.flush(support::generous) == status::answered);
  CHECK(out.str() == "mine|warning|" + std::to_string(syscall(SYS_gettid)) +
                         "|log_spdlog_test.cpp:" + line + "|1 and 2\n");
}

TEST_CASE("spdlog on both sides: a logger's messages reach its sink by way of the log") {
  std::ostringstream out;
  const auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(out);
  sink->set_pattern("%l %v");
  log_options opts;
  opts.writer = log_to_spdlog(sink);
  {
    log_sink log(opts);
    spdlog::logger logger("net", std::make_shared<spdlog_sink>(log));
    for (int n = 0; n < 3; ++n) logger.info("{}", n);
  }
  CHECK(out.str() == "info [net] 0\ninfo [net] 1\ninfo [net] 2\n");
}
