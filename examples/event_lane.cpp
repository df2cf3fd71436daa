// A thread that has millions of small things to tell the loop, through a lane of its own.
#include <array>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <thread>

namespace {

constexpr long samples = 2'000'000;

// [readme]
struct statistics {  // the loop's: no other thread touches it
  std::array<long, 10> seen{};
};

void measure(loopbridge::bridge& bridge, statistics& s, long count) {
  loopbridge::lane lane = bridge.lane();  // this thread's own
  for (long n = 0; n < count; ++n) {
    const auto digit = static_cast<std::size_t>(n * n % 10);
    lane.post([&s, digit] { ++s.seen[digit]; });
  }
}  // what was posted runs, also when the lane is gone
// [/readme]

}  // namespace

int main() {
  loopbridge::bridge bridge;
  statistics s;
  std::thread([&]() noexcept { measure(bridge, s, samples); }).join();
  bridge.call([] {});  // comes after the lane's end
  long all = 0;
  for (const long n : s.seen) all += n;
  std::printf("%ld samples, %ld squares end in 6\n", all, s.seen[6]);
  return all == samples ? 0 : 1;
}
