// Standard streams that are closed: no descriptor of the library's, or of its loops, takes their
// numbers, which libuv would not close, and others would.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <cstdlib>
#include <filesystem>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/ready_descriptor.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <string>
#include <system_error>

#include "support/doorbells.hpp"
#include "support/in_child.hpp"
#include "support/patience.hpp"
#include "support/resources.hpp"

// The loops of the children below are the first of their processes: none is made in this one.
// (Sanitizers want stderr, and, in a child that exits, the stacks of threads that it has not.)
TEST_SUITE_BEGIN("standard streams" * doctest::skip(support::has_asan || support::has_tsan));

using loopbridge::bridge;
using support::generous;
using support::in_child;

namespace {

void close_streams() {
  for (int fd = 0; fd < 3; ++fd) close(fd);
}
bool are_streams_closed() {
  for (int fd = 0; fd < 3; ++fd) {
    if (fcntl(fd, F_GETFD) != -1) return false;
  }
  return true;
}

/// What a child exits with that is forked here, does `f`, and ends like any program.
template <class F>
int exit_of_child(F&& f) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    std::exit(f());
  }
  return support::exit_code_of(child);
}

/// Makes and uses one with its loop. The line of what went wrong, or 0.
int live(const loopbridge::options& opts) {
  bridge b(opts);
  if (!are_streams_closed()) return __LINE__;
  if (b.call_for(generous, [] { return 7; }) != 7) return __LINE__;
  const auto answer = b.submit([] { return 7; });
  const loopbridge::ready_descriptor ready(answer);
  if (ready.fd() <= STDERR_FILENO || !answer.wait_for(generous)) return __LINE__;
  b.stop();
  return are_streams_closed() ? 0 : __LINE__;
}

/// The same for all that has loops or files of its own.
int live_otherwise(uv_loop_t* programs_loop) {
  loopbridge::bridge_group group(3);
  const loopbridge::manual_bridge manual;
  const bridge adopted = bridge::adopt(programs_loop);
  if (!are_streams_closed()) return __LINE__;
  if (loopbridge::default_bridge().call_for(generous, [] { return 7; }) != 7) return __LINE__;
  const auto log_to =
      std::filesystem::temp_directory_path() / ("loopbridge_streams_" + std::to_string(getpid()));
  loopbridge::log_options opts;
  opts.writer = loopbridge::log_to_file(log_to.string());
  {
    loopbridge::log_sink log(std::move(opts));
    for (int line = 0; line < 3; ++line) (void)log.log(loopbridge::log_level::info, "a line");
    if (log.flush(generous) != loopbridge::status::answered) return __LINE__;
    if (!are_streams_closed()) return __LINE__;
  }
  std::filesystem::remove(log_to);
  return are_streams_closed() ? 0 : __LINE__;
}

}  // namespace

TEST_CASE(
    "a bridge that starts without standard streams takes none of their numbers, nor do forks") {
  const loopbridge::options opts = support::with_each_doorbell();
  CHECK(in_child([&] {
          close_streams();
          return exit_of_child([&] {
            if (const int wrong = live(opts); wrong != 0) return wrong;
            const bridge parents(opts);
            // libuv opens its pipe anew in a child, and closes it at exit and in a child of that.
            return exit_of_child([&] {
              if (!are_streams_closed()) return __LINE__;
              if (const int wrong = live(opts); wrong != 0) return wrong;
              return exit_of_child([&] { return are_streams_closed() ? live(opts) : __LINE__; });
            });
          });
        }) == 0);
}

TEST_CASE("nor do groups, the default bridge, manual and adopted ones, and log files") {
  CHECK(in_child([] {
          uv_loop_t programs_loop;
          if (uv_loop_init(&programs_loop) != 0) return __LINE__;
          close_streams();
          return live_otherwise(&programs_loop);
        }) == 0);
}

TEST_CASE("with no other numbers left a start is refused, and works when they are there" *
          doctest::skip(!support::children_may_lack_descriptors)) {
  CHECK(in_child([] {
          close_streams();
          rlimit before;
          getrlimit(RLIMIT_NOFILE, &before);
          const rlimit few{3, before.rlim_max};
          setrlimit(RLIMIT_NOFILE, &few);
          try {
            const bridge b;
            return __LINE__;
          } catch (const std::system_error& e) {
            if (e.code() != std::errc::too_many_files_open) return __LINE__;
          }
          if (!are_streams_closed()) return __LINE__;
          setrlimit(RLIMIT_NOFILE, &before);
          return live({});
        }) == 0);
}

TEST_CASE("a doorbell and a result's descriptor that can only be 0, 1 or 2 are refused" *
          doctest::skip(!support::children_may_lack_descriptors)) {
  CHECK(in_child([] {
          bridge b;
          const auto answer = b.submit([] {});
          uv_loop_t programs_loop;
          if (uv_loop_init(&programs_loop) != 0) return __LINE__;
          while (dup(0) >= 0) {
          }
          close_streams();
          const auto is_refused = [](auto&& make) {
            try {
              make();
            } catch (const std::system_error& e) {
              return e.code() == std::errc::too_many_files_open && are_streams_closed();
            }
            return false;
          };
          if (!is_refused([&] { (void)bridge::adopt(&programs_loop); })) return __LINE__;
          if (!is_refused([&] { (void)loopbridge::ready_descriptor(answer); })) return __LINE__;
          if (!is_refused([&] { (void)loopbridge::log_to_file("/dev/null"); })) return __LINE__;
          return 0;
        }) == 0);
}

TEST_CASE("all descriptors of a bridge and its loop are closed by exec") {
  const loopbridge::options opts = support::with_each_doorbell();
  const auto before = support::open_descriptors();
  CHECK(in_child([&] {
          bridge b(opts);
          const auto answer = b.submit([] {});
          const loopbridge::ready_descriptor ready(answer);
          int own = 0;
          for (const int fd : support::open_descriptors()) {
            if (before.contains(fd)) continue;
            ++own;
            if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) return __LINE__;
          }
          return own > 5 ? 0 : __LINE__;
        }) == 0);
}
