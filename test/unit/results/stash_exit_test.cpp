// What is left in the stash when the process exits.
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>

#include "support/in_child.hpp"

TEST_SUITE_BEGIN("stash, at exit");

using loopbridge::bridge;
using loopbridge::result_id;
using loopbridge::retrieve;
using loopbridge::stash;

TEST_CASE("what nobody has retrieved is told when the process exits, with what it failed with" *
          doctest::skip(support::has_tsan)) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const int code = support::in_child([&]() -> int {
    dup2(ends[1], STDERR_FILENO);
    auto& b = *new bridge();  // at work to the end
    (void)stash(b.submit([] { return std::string("forgotten"); }));
    (void)stash(b.submit([] { throw std::domain_error("lost"); }));
    const result_id taken = stash(b.submit([] { return 'c'; }));
    (void)retrieve<char>(taken).get();
    b.stop();
    std::exit(3);
  });
  close(ends[1]);
  std::string said;
  std::array<char, 512> some{};
  for (ssize_t n; (n = read(ends[0], some.data(), some.size())) > 0;) {
    said.append(some.data(), static_cast<std::size_t>(n));
  }
  close(ends[0]);
  CHECK(code == 3);
  CHECK_MESSAGE(said.find("string") != std::string::npos, said);
  CHECK_MESSAGE(said.find("stash_exit_test.cpp") != std::string::npos, said);
  CHECK_MESSAGE(said.find(": lost\n") != std::string::npos, said);
  CHECK_MESSAGE(said.find("(char") == std::string::npos, said);
}
