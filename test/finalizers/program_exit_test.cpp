// Destructors of static objects, main's thread_local ones, and atexit functions that submit while
// the program ends, with the bridge destroyed after them, before them, or never. Each case is a run
// of at_program_exit, which see.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "every_way.hpp"

TEST_SUITE_BEGIN("destructors at the program's end");

namespace {

struct ending {
  std::string said;
  int code = -1;  ///< or 300 + the signal that ended it
};

ending run(const std::string& way) {
  ending got;
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  FILE* const out = popen(("'" + (here / "at_program_exit").string() + "' " + way).c_str(), "r");
  REQUIRE(out != nullptr);
  std::array<char, 4096> part;
  while (std::fgets(part.data(), static_cast<int>(part.size()), out) != nullptr) {
    got.said += part.data();
  }
  const int status = pclose(out);
  got.code = WIFEXITED(status) ? WEXITSTATUS(status) : 300 + WTERMSIG(status);
  return got;
}

const std::string refused_handles =
    "prepaid: bridge_stopped\nprepaid and wait: bridge_stopped\nanswered: 5\nunanswered: "
    "bridge_stopped\n"
    "cancelled: no\nresolved: no\n";

}  // namespace

TEST_CASE("while the bridge lives, static and thread_local objects and atexit may do anything") {
  const ending got = run("bridge_outlives_objects");
  CHECK(got.said == "main's thread_local object: " + every_way::works + "\natexit: " +
                        every_way::works + "\nstatic object: " + every_way::works + "\nruns: 24\n");
  CHECK(got.code == 0);
}

TEST_CASE("a bridge that is never destroyed serves them all, and lets the program end") {
  const ending got = run("bridge_is_leaked");
  CHECK(got.said ==
        "atexit: " + every_way::works + "\nstatic object: " + every_way::works + "\nruns: 16\n");
  CHECK(got.code == 0);
}

TEST_CASE("handles in static objects that outlive the bridge refuse, and keep their answers") {
  const ending got = run("objects_outlive_bridge");
  CHECK(got.said == refused_handles);
  CHECK(got.code == 0);
}

TEST_CASE("so do handles in an atexit function that was registered before the bridge was made") {
  const ending got = run("atexit_outlives_bridge");
  CHECK(got.said == refused_handles);
  CHECK(got.code == 0);
}

TEST_CASE("a bridge that main has stopped refuses every later caller") {
  const ending got = run("bridge_is_stopped");
  CHECK(got.said == "static object: " + every_way::refused + "\nruns: 0\n");
  CHECK(got.code == 0);
}

TEST_CASE("at_quick_exit functions may do anything, for no bridge is destroyed") {
  const ending got = run("quick_exit_is_called");
  CHECK(got.said == "at_quick_exit: " + every_way::works + "\n");
  CHECK(got.code == 3);
}

TEST_CASE("exit() on the loop's thread ends the program: destructors there must not wait") {
  const ending got = run("loop_thread_exits");
  CHECK(got.said == "static object: " + every_way::works_without_waiting + "\n");
  CHECK(got.code == 3);
}

TEST_CASE("exit() on another thread ends the program, and releases the waiters") {
  const ending got = run("other_thread_exits");
  CHECK(got.said == "static object: " + every_way::works + "\nmain: released\n");
  CHECK(got.code == 3);
}
