// What a log does about its writer, and what the writer may do with the log.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/error_log.hpp"
#include "support/gate.hpp"
#include "support/log_lines.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("log_sink_writer");

using namespace std::chrono_literals;
using loopbridge::log_level;
using loopbridge::log_line;
using loopbridge::log_options;
using loopbridge::log_sink;
using loopbridge::status;
using texts = std::vector<std::string>;

TEST_CASE("a writer that throws is reported, with the place, and goes on") {
  const support::error_log errors;
  const support::log_lines lines;
  log_options opts;
  opts.on_unhandled_error = errors.hook();
  opts.writer.write = [write = lines.writer().write](const log_line& l) {
    if (l.text == "bad") throw std::domain_error("disk full");
    write(l);
  };
  opts.writer.flush = [] { throw std::domain_error("cannot flush"); };
  log_sink log(opts);
  for (const char* text : {"good", "bad", "better"}) {
    CHECK(log.log(log_level::info, "{}", text) == status::accepted);
  }
  CHECK(log.flush(support::generous) == status::answered);
  CHECK(lines.texts() == texts{"good", "better"});
  CHECK(errors.size() == 2);
}

TEST_CASE("a flush has the writer flush too, after all that was logged before") {
  texts seen;
  log_options opts;
  opts.writer.write = [&](const log_line& l) { seen.emplace_back(l.text); };
  opts.writer.flush = [&] { seen.emplace_back("(flush)"); };
  log_sink log(opts);
  (void)log.log(log_level::info, "a");
  (void)log.log(log_level::info, "b");
  CHECK(log.flush(support::generous) == status::answered);
  CHECK(seen == texts{"a", "b", "(flush)"});
  CHECK(log.flush(std::chrono::hours::max()) == status::answered);
}

TEST_CASE("a writer may log to its own sink, and cannot flush it") {
  const support::log_lines lines;
  log_sink* self = nullptr;
  std::atomic<status> flushed{status::accepted};
  log_options opts;
  opts.writer.write = [&, write = lines.writer().write](const log_line& l) {
    write(l);
    if (l.text != "first") return;
    (void)self->log(log_level::info, "second");
    flushed.store(self->flush(1h));
  };
  log_sink log(opts);
  self = &log;
  (void)log.log(log_level::info, "first");
  CHECK(log.flush(support::generous) == status::answered);
  CHECK(flushed.load() == status::would_deadlock);
  CHECK(log.flush(support::generous) == status::answered);
  CHECK(lines.texts() == texts{"first", "second"});
}

TEST_CASE("a sink that its own writer destroys writes the rest all the same") {
  const support::log_lines lines;
  const support::gate gone, all_logged;
  std::optional<log_sink> log;
  log_options opts;
  opts.writer.write = [&, write = lines.writer().write](const log_line& l) {
    if (!all_logged.wait()) std::abort();
    log.reset();
    write(l);
    if (l.text == "9") gone.open();
  };
  log.emplace(opts);
  for (int n = 0; n < 10; ++n) CHECK(log->log(log_level::info, "{}", n) == status::accepted);
  all_logged.open();
  REQUIRE(gone.wait());
  CHECK(lines.texts().size() == 10);
}
