// No descriptors left: see also bridge_start_test.cpp, for what a refused start leaves behind.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/doorbells.hpp"
#include "support/in_child.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("faults: descriptors");

using loopbridge::bridge;
using support::in_child;

namespace {

/// Takes all descriptors but `spare`, until it is destroyed.
class shortage {
 public:
  explicit shortage(int spare) {
    const rlimit few{64, 64};
    setrlimit(RLIMIT_NOFILE, &few);
    for (int fd = 0; (fd = dup(0)) >= 0;) taken_.push_back(fd);
    for (; spare > 0; --spare) give_back_one();
  }
  ~shortage() {
    while (!taken_.empty()) give_back_one();
  }
  shortage(const shortage&) = delete;
  shortage& operator=(const shortage&) = delete;
  void give_back_one() {
    close(taken_.back());
    taken_.pop_back();
  }

 private:
  std::vector<int> taken_;
};

}  // namespace

TEST_CASE("a start without descriptors says how many it needs, and works once they are there" *
          doctest::skip(!support::children_may_lack_descriptors)) {
  const loopbridge::options opts = support::with_each_doorbell();
  for (int spare = 0; spare < 8; ++spare) {
    CAPTURE(spare);
    CHECK(in_child([&] {
            std::optional<bridge> b;
            {
              const shortage s(spare);
              try {
                b.emplace(opts);
                return 1;
              } catch (const std::system_error& e) {
                if (e.code() != std::errc::too_many_files_open) return 2;
                if (std::string(e.what()).find("8 free file descriptors") == std::string::npos) {
                  return 3;
                }
              }
            }
            b.emplace(opts);
            return b->call([] { return 7; }) == 7 ? 0 : 4;
          }) == 0);
  }
}

TEST_CASE("a bridge that runs needs no descriptors: calls, stop and destruction go on without" *
          doctest::skip(!support::children_may_lack_descriptors)) {
  const loopbridge::options opts = support::with_each_doorbell();
  CHECK(in_child([&] {
          std::optional<bridge> b(opts);
          const shortage s(0);
          loopbridge::reentrant_call prepaid(*b, [] {});
          int ran = 0;
          b->post([&ran] { ++ran; });
          if (b->call_for(support::generous, [] { return 1; }) != 1) return 1;
          if (b->submit([] { return 2; }).get() != 2) return 2;
          if (prepaid.post() != loopbridge::status::accepted) return 3;
          const auto refused = b->submit([]() -> int { throw std::runtime_error("no"); });
          if (!refused.wait_for(support::generous) || refused.error() == nullptr) return 4;
          b->stop();
          if (ran != 1) return 5;
          b.reset();
          return 0;
        }) == 0);
}
