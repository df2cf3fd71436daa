// Threads that need functions which may only run on the loop's thread: they call them there, and
// get the results and the exceptions.

#include <atomic>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// [readme]
class stock {  // plain code without a lock: only the loop's thread ever calls it
 public:
  int add(const std::string& what, int count) { return pieces_[what] += count; }
  int take(const std::string& what, int count) {
    int& left = pieces_.at(what);
    if (left < count) throw std::runtime_error("no more " + what);
    return left -= count;
  }

 private:
  std::map<std::string, int> pieces_;
};

int sell_all(loopbridge::bridge& loop, stock& s) {
  auto pears = loop.submit([&] { return s.add("pears", 1); });  // its answer comes later
  int sold = 0;
  try {
    for (;; ++sold) loop.call([&] { s.take("apples", 1); });  // waits for its answer
  } catch (const std::runtime_error& e) {                     // thrown there, caught here
    std::printf("%s after %d; pears: %d\n", e.what(), sold, pears.get());
  }
  return sold;
}
// [/readme]

int main() {
  loopbridge::bridge loop;
  stock s;
  loop.call([&] { s.add("apples", 1000); });
  std::atomic<int> sold{0};
  std::vector<std::jthread> workers;
  for (int i = 0; i < 4; ++i) workers.emplace_back([&] { sold += sell_all(loop, s); });
  workers.clear();  // joins
  std::printf("sold: %d\n", sold.load());
  return sold == 1000 ? 0 : 1;
}
