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

/// Ends the program in that way, which says so much before its exit code.
void ends(const std::string& way, const std::string& words, int code = 0) {
  CAPTURE(way);
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  FILE* const out = popen(("'" + (here / "at_program_exit").string() + "' " + way).c_str(), "r");
  REQUIRE(out != nullptr);
  std::array<char, 4096> part;
  std::string said;
  while (std::fgets(part.data(), static_cast<int>(part.size()), out) != nullptr) {
    said += part.data();
  }
  const int status = pclose(out);
  CHECK(said == words);
  CHECK((WIFEXITED(status) ? WEXITSTATUS(status) : 300 + WTERMSIG(status)) == code);
}

const std::string refused_handles =
    "prepaid: bridge_stopped\nprepaid and wait: bridge_stopped\nanswered: 5\nunanswered: "
    "bridge_stopped\n"
    "cancelled: no\nresolved: no\n";

}  // namespace

TEST_CASE("while the bridge lives, static and thread_local objects and atexit may do anything") {
  ends("bridge_outlives_objects", "main's thread_local object: " + every_way::works +
                                      "\natexit: " + every_way::works +
                                      "\nstatic object: " + every_way::works + "\nruns: 24\n");
}

TEST_CASE("a bridge that is never destroyed serves them all, and lets the program end") {
  ends("bridge_is_leaked",
       "atexit: " + every_way::works + "\nstatic object: " + every_way::works + "\nruns: 16\n");
}

TEST_CASE("handles in static objects that outlive the bridge refuse, and keep their answers") {
  ends("objects_outlive_bridge", refused_handles);
}

TEST_CASE("so do handles in an atexit function that was registered before the bridge was made") {
  ends("atexit_outlives_bridge", refused_handles);
}

TEST_CASE("a bridge that main has stopped refuses every later caller") {
  ends("bridge_is_stopped", "static object: " + every_way::refused + "\nruns: 0\n");
}

TEST_CASE("at_quick_exit functions may do anything, for no bridge is destroyed") {
  ends("quick_exit_is_called", "at_quick_exit: " + every_way::works + "\n", 3);
}

TEST_CASE("exit() on the loop's thread ends the program: destructors there must not wait") {
  ends("loop_thread_exits", "static object: " + every_way::works_without_waiting + "\n", 3);
}

TEST_CASE("exit() on another thread ends the program, and releases the waiters") {
  ends("other_thread_exits", "static object: " + every_way::works + "\nmain: released\n", 3);
}
