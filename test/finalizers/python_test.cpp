// CPython: __del__ runs where the last reference goes, in any allocation that sets the collector
// off, and in Py_FinalizeEx. Its lock (the GIL) is one more that a wait must not hold.
#include <doctest/doctest.h>

#include <string>

#include "python_functions.hpp"  // first: Python's header wants to be
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("finalizers of CPython");

namespace {

using finalizers::subject;
using python::reporting;

constexpr int objects = 20000;

const std::string range = "range(1, " + std::to_string(objects + 1) + ")";

}  // namespace

TEST_CASE("20,000 finalizers submit as the last reference goes, each heard of once") {
  const support::watchdog dog;
  subject s(objects);
  SUBCASE("post") {
    reporting py(s);
    py.run("for id in " + range + ": Object(id)");
    CHECK(py.said("accepted") == objects);
    support::catch_up(s.bridge);  // with the GIL held, for the loop does not want it
    CHECK(s.heard_of(1) == objects);
  }
  SUBCASE("a prepaid call") {
    reporting py(s, "fire()");
    py.run("for id in " + range + ": Object(id)");
    support::catch_up(s.bridge);
    CHECK(s.firings == objects);
  }
}

TEST_CASE("20,000 finalizers of cycles submit while Python allocates, each heard of once") {
  const support::watchdog dog;
  subject s(objects);
  reporting py(s, "post(self.id)");
  py.run("for id in " + range +
         ":\n  o = Object(id); o.itself = o\n"
         "during = said['accepted']; del o; gc.collect()");
  CHECK(py.number("during") > objects / 2);
  CHECK(py.said("accepted") == objects);
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == objects);
}

TEST_CASE("a finalizer that finds the pool exhausted keeps its object, and none is lost") {
  const support::watchdog dog;
  subject s(objects, loopbridge::options{.reentrant_slots = 64});
  reporting py(s, "post_reentrant(self.id)");
  {
    const support::held_loop held(s.bridge);
    py.run("for id in " + range + ": Object(id)");
    CHECK(py.said("accepted") == 64);
    CHECK(py.said("exhausted") == objects - 64);
  }
  // __del__ runs once; so the program sees to those that it kept.
  py.run("for o in kept:\n  while post_reentrant(o.id) != 'accepted': twice(1)");
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == objects);
}

TEST_CASE("finalizers submit, and wait, while Py_FinalizeEx runs those that are left") {
  const support::watchdog dog;
  subject s(objects);
  std::string all = "alive = [Object(id) for id in " + range + "]";
  SUBCASE("post") {
    reporting(s).run(all);
    support::catch_up(s.bridge);
    CHECK(s.heard_of(1) == objects);
  }
  SUBCASE("post, of cycles") {
    reporting(s).run(all + "\nfor o in alive: o.all = alive");
    support::catch_up(s.bridge);
    CHECK(s.heard_of(1) == objects);
  }
  SUBCASE("a wait") {
    reporting(s, "fire_and_wait()").run("alive = [Object(id) for id in range(500)]");
    support::catch_up(s.bridge);
    CHECK(s.firings == 500);
  }
  SUBCASE("a bridge that has stopped") {
    reporting py(s);
    py.run(all);
    s.bridge.stop();
    py.run("alive.clear()");
    CHECK(py.said("bridge_stopped") == objects);
  }
}
