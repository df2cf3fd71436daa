// More work than one loop's thread can do: a group of loops, each of which looks after some of the
// accounts.

#include <array>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

constexpr int accounts = 100;

// [readme]
std::array<long, accounts> balance;  // each touched by one loop only, so nothing needs a lock

void pay(loopbridge::bridge_group& loops, int from, int to, long amount) {
  // The same key finds the same loop: an account's calls run in order, one after the other.
  loops.by_key(from).post([=, &loops] {
    balance[from] -= amount;
    loops.by_key(to).post([=] { balance[to] += amount; });
  });
}
// [/readme]

int main() {
  loopbridge::bridge_group loops;  // one for each CPU
  std::vector<std::jthread> customers;
  for (int c = 0; c < 4; ++c) {
    customers.emplace_back([&loops, c] {
      for (int i = 0; i < 1000; ++i) {
        pay(loops, (7 * i + c) % accounts, (11 * i + 3 * c) % accounts, i);
      }
    });
  }
  customers.clear();  // joins
  // Twice, since a payment's second half is posted by its first; then nothing is under way.
  for (int half = 0; half < 2; ++half) {
    for (loopbridge::bridge& loop : loops) loop.call([] {});
  }
  loops.stop();  // all together
  long sum = 0;
  for (const long b : balance) sum += b;
  std::printf("%zu loops, all accounts together: %ld\n", loops.size(), sum);
  return sum == 0 ? 0 : 1;
}
