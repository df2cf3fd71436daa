#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>

TEST_SUITE_BEGIN("bridge");

TEST_CASE("a call runs on the loop's thread and returns its value") {
  loopbridge::bridge b;
  CHECK(b.call([&] { return b.on_loop_thread(); }));
  CHECK_FALSE(b.on_loop_thread());
}
