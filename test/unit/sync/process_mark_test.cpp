#include <doctest/doctest.h>
#include <pthread.h>

#include <loopbridge/detail/sync/process_mark.hpp>
#include <optional>
#include <thread>

#include "support/in_child.hpp"

TEST_SUITE_BEGIN("process_mark");

using loopbridge::detail::process_mark;
using support::in_child;

TEST_CASE("a mark that a child's pthread_atfork handler makes stays good, also if it comes first") {
  // The first test, because the library's own handler comes with a process's first mark.
  CHECK(in_child([] {
          static std::optional<process_mark> childs;
          pthread_atfork(nullptr, nullptr, [] { childs.emplace(); });
          const process_mark own;
          return in_child(
              [&own] { return childs->is_this_process() && !own.is_this_process() ? 0 : 1; });
        }) == 0);
}

TEST_CASE("a process knows itself, on every thread") {
  const process_mark mark;
  CHECK(mark.is_this_process());
  bool on_thread = false;
  std::thread([&]() noexcept { on_thread = mark.is_this_process(); }).join();
  CHECK(on_thread);
  CHECK(process_mark().is_this_process());
  CHECK(mark.is_this_process());  // a second mark does not change the first
}

TEST_CASE("a forked child is another process, and marks of its own are good there") {
  const process_mark mark;
  CHECK(in_child([&] {
          if (mark.is_this_process()) return 1;
          const process_mark own;
          if (!own.is_this_process()) return 2;
          if (mark.is_this_process()) return 3;  // not by the child's number either
          return 0;
        }) == 0);
  CHECK(mark.is_this_process());
}

TEST_CASE("a child of a child is neither of the two") {
  const process_mark mark;
  CHECK(in_child([&] {
          const process_mark childs;
          return in_child([&] {
            if (mark.is_this_process()) return 1;
            if (childs.is_this_process()) return 2;
            const process_mark own;
            if (!own.is_this_process() || childs.is_this_process()) return 3;
            return mark.is_this_process() ? 4 : 0;
          });
        }) == 0);
}

TEST_CASE("a grandchild whose parent made no mark is another process too") {
  const process_mark mark;
  CHECK(in_child([&] { return in_child([&] { return mark.is_this_process() ? 1 : 0; }); }) == 0);
}
