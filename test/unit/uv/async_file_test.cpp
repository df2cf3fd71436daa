#include <dirent.h>
#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/file.hpp>
#include <string>
#include <system_error>

#include "support/gate.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("async_file");

namespace {

using loopbridge::bridge;
using loopbridge::file;
using loopbridge::read_file;
using loopbridge::task;
using loopbridge::write_file;
using support::generous;

/// A directory that goes with this.
class directory {
 public:
  directory() { REQUIRE(mkdtemp(name_) != nullptr); }
  ~directory() { std::filesystem::remove_all(name_); }
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  std::string operator/(const char* file) const { return std::string(name_) + "/" + file; }

 private:
  char name_[32] = "/tmp/async_file.XXXXXX";
};

int open_descriptors() {
  int n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

}  // namespace

TEST_CASE("what is written to a file is read from it, however much, and nothing") {
  const directory dir;
  bridge b;
  for (const std::size_t size : {0u, 1u, 65536u, 300000u}) {
    const std::string text(size, 'x');
    b.call_for(generous, [&] { return write_file(dir / "file", text); });
    CHECK(b.call_for(generous, [&] { return read_file(dir / "file"); }) == text);
  }
}

TEST_CASE("a file is read and written at offsets, or where it was left") {
  const directory dir;
  bridge b;
  const auto work = [&]() -> task<std::string> {
    file f = co_await file::open(dir / "file", O_RDWR | O_CREAT);
    co_await f.write("hello ");
    co_await f.write("world");
    co_await f.write("W", 6);
    char text[16] = "";
    const std::size_t n = co_await f.read(text, 5, 6);
    co_await f.close();
    co_await f.close();
    co_return std::string(text, n);
  };
  CHECK(b.call_for(generous, work) == "World");
}

TEST_CASE("what fails names the file, and the error") {
  bridge b;
  try {
    b.call_for(generous, [] { return read_file("/nonexistent/file"); });
    FAIL("read");
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::no_such_file_or_directory);
    CHECK(std::string(e.what()).find("/nonexistent/file") != std::string::npos);
  }
  CHECK_THROWS_AS(b.call_for(generous, [] { return write_file("/dev/full", "text"); }),
                  std::system_error);
}

TEST_CASE("any of libuv's file functions can be awaited") {
  const directory dir;
  bridge b;
  const std::string from = dir / "from";
  const std::string to = dir / "to";
  b.call_for(generous, [&]() -> task<> {
    co_await write_file(from, "text");
    co_await loopbridge::fs([&](uv_loop_t* loop, uv_fs_t* request, uv_fs_cb done) {
      return uv_fs_rename(loop, request, from.c_str(), to.c_str(), done);
    });
  });
  CHECK(std::filesystem::exists(to));
}

TEST_CASE("files that are opened, read or dropped as their task is cancelled leave no descriptor") {
  const directory dir;
  bridge b;
  b.call_for(generous, [&] { return write_file(dir / "file", std::string(100000, 'x')); });
  const int before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    auto answer = b.submit([&]() -> task<> {
      file f = co_await file::open(dir / "file", O_RDONLY);
      char text[100];
      while (co_await f.read(text, sizeof(text)) > 0) {
      }
    });
    for (int turn = 0; turn < i % 10; ++turn) b.call([] {});
    (void)answer.cancel();
  }
  REQUIRE(
      support::comes_true([&] { return b.call([&] { return open_descriptors() == before; }); }));
}

TEST_CASE("a bridge stops while files are read: nothing is left, nothing reported") {
  const directory dir;
  int reported = 0;
  for (int i = 0; i < 20; ++i) {
    loopbridge::options opts;
    opts.on_open_handle = [&](const loopbridge::open_handle&) { ++reported; };
    bridge b(std::move(opts));
    const std::string text(100000, 'x');
    auto answer = b.submit([&]() -> task<> {
      for (;;) {
        co_await write_file(dir / "file", text);
        co_await read_file(dir / "file");
      }
    });
    for (int turn = 0; turn < i; ++turn) b.call([] {});
    b.stop();
    CHECK_THROWS_AS(answer.get(), loopbridge::bridge_stopped);
  }
  CHECK(reported == 0);
}
