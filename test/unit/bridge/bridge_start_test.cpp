// What a bridge that cannot start leaves behind: nothing.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <loopbridge/loopbridge.hpp>
#include <string>
#include <system_error>

#include "support/doorbells.hpp"
#include "support/held_loop.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"

TEST_SUITE_BEGIN("bridge_start");

namespace {

using loopbridge::bridge;
using loopbridge::options;
using support::open_descriptors;

int threads() {
  return support::entries_of("/proc/self/task");
}

/// Leaves this process `spare` descriptors below the limit.
void leave_descriptors(int spare) {
  const rlimit few{64, 64};
  setrlimit(RLIMIT_NOFILE, &few);
  int last = -1;
  for (int fd = 0; (fd = dup(0)) >= 0;) last = fd;
  for (int i = 0; i < spare; ++i) close(last - i);
}

/// In a child with few descriptors: 0, or the number of the check that failed.
int start_with(int spare, const options& opts, bool libuv_is_ready) {
  if (libuv_is_ready) {  // its process-wide descriptors are open then
    uv_loop_t loop;
    if (uv_loop_init(&loop) != 0 || uv_loop_close(&loop) != 0) return 10;
  }
  leave_descriptors(spare);
  const auto fds_before = open_descriptors();
  const int threads_before = threads();
  try {
    bridge b(opts);
    if (b.call_for(support::generous, [] { return 7; }) != 7) return 11;
  } catch (const std::system_error& e) {
    if (e.code() != std::errc::too_many_files_open) return 12;
    if (std::string(e.what()).find("loopbridge: cannot start") == std::string::npos) return 13;
    if (spare >= 8) return 14;  // the documented need
    if (open_descriptors() != fds_before) return 15;
  }
  if (threads() != threads_before) return 16;
  const std::size_t libuv_own = libuv_is_ready ? 0 : 2;  // its signal pipe, once per process
  if (open_descriptors().size() > fds_before.size() + libuv_own) return 17;
  return 0;
}

}  // namespace

TEST_CASE("short of descriptors a bridge throws or starts, and leaves nothing behind" *
          doctest::skip(!support::children_may_lack_descriptors)) {
  const options opts = support::with_each_doorbell();
  for (int spare = 0; spare <= 12; ++spare) {
    CAPTURE(spare);
    CHECK(support::in_child([&] { return start_with(spare, opts, false); }) == 0);
    CHECK(support::in_child([&] { return start_with(spare, opts, true); }) == 0);
  }
}

TEST_CASE("short of descriptors an adopted loop throws or is adopted, and stays usable" *
          doctest::skip(!support::children_may_lack_descriptors)) {
  const options opts = support::with_each_doorbell();
  for (int spare = 0; spare <= 3; ++spare) {
    CAPTURE(spare);
    CHECK(support::in_child([&] {
            uv_loop_t loop;
            if (uv_loop_init(&loop) != 0) return 1;
            leave_descriptors(spare);
            const auto fds_before = open_descriptors();
            try {
              bridge b = bridge::adopt(&loop, opts);
              int ran = 0;
              b.post([&] { ++ran; });
              uv_run(&loop, UV_RUN_DEFAULT);
              if (ran != 1) return 2;
            } catch (const std::system_error&) {
              if (spare > 0) return 3;
            }
            uv_run(&loop, UV_RUN_NOWAIT);  // close callbacks
            if (open_descriptors() != fds_before) return 4;
            return uv_loop_close(&loop) == 0 ? 0 : 5;
          }) == 0);
  }
}

TEST_CASE("bridges that come and go leave no descriptor and no thread") {
  const options opts = support::with_each_doorbell();
  {
    const bridge first(opts);
  }  // libuv's own descriptors
  const auto fds = open_descriptors();
  const int running = threads();
  for (int i = 0; i < 20; ++i) {
    bridge b(opts);
    support::catch_up(b);
  }
  CHECK(open_descriptors() == fds);
  CHECK(threads() == running);
}

TEST_CASE("without a thread a bridge throws, and leaves nothing behind" *
          doctest::skip(!support::children_may_lack_descriptors)) {
  const options opts = support::with_each_doorbell();
  CHECK(support::in_child([&] {
          uv_loop_t loop;
          if (uv_loop_init(&loop) != 0 || uv_loop_close(&loop) != 0) return 1;
          const auto fds_before = open_descriptors();
          options huge = opts;
          huge.stack_size = std::size_t{1} << 46;
          try {
            const bridge b(huge);
            return 4;
          } catch (const std::system_error&) {
          }
          if (threads() != 1) return 5;
          if (open_descriptors() != fds_before) return 6;
          bridge b(opts);
          return b.call_for(support::generous, [] { return 0; });
        }) == 0);
}

TEST_CASE("descriptors are not inherited by programs that are started") {
  const auto before = open_descriptors();
  bridge b(support::with_each_doorbell());
  int made = 0;
  for (const int fd : open_descriptors()) {
    if (before.contains(fd)) continue;
    ++made;
    CAPTURE(fd);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(made > 0);
}
