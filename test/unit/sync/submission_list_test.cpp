#include <doctest/doctest.h>

#include <barrier>
#include <loopbridge/detail/sync/inbox.hpp>
#include <thread>
#include <vector>

TEST_SUITE_BEGIN("submission_list");

namespace {

using loopbridge::detail::loop_core;
using loopbridge::detail::operation;
using submission_list = loopbridge::detail::submission_list<loopbridge::detail::operation>;

struct item final : operation {
  explicit item(int n = 0, int t = 0) : number(n), thread(t) {}
  item(item&& other) noexcept : number(other.number), thread(other.thread) {}
  loopbridge::detail::call_base* run(loop_core&) noexcept override { return nullptr; }
  loopbridge::detail::call_base* refuse(loop_core&) noexcept override { return nullptr; }
  int number;
  int thread;
};

std::vector<int> numbers(const operation* n) {
  std::vector<int> all;
  for (; n != nullptr; n = n->next) all.push_back(static_cast<const item*>(n)->number);
  return all;
}

}  // namespace

TEST_CASE("what was pushed is taken once, oldest first") {
  submission_list list;
  item a(1), b(2), c(3);
  CHECK(list.push(a));
  CHECK(list.push(b));
  CHECK(list.push(c));
  CHECK(numbers(list.take().oldest) == std::vector{1, 2, 3});
  CHECK(list.take().oldest == nullptr);
}

TEST_CASE("what is pushed after a take waits for the next one") {
  submission_list list;
  item a(1), b(2);
  CHECK(list.push(a));
  operation* const first = list.take().oldest;
  CHECK(list.push(b));
  CHECK(numbers(first) == std::vector{1});
  CHECK(numbers(list.take().oldest) == std::vector{2});
}

TEST_CASE("a node may be pushed again once it was taken") {
  submission_list list;
  item a(1);
  for (int round = 0; round < 3; ++round) {
    CHECK(list.push(a));
    CHECK(numbers(list.take().oldest) == std::vector{1});
  }
}

TEST_CASE("a closed list refuses, and leaves the node as it was") {
  submission_list list;
  item a(1), neighbour(2);
  a.next = &neighbour;
  CHECK_FALSE(list.closed());
  CHECK(list.close());
  CHECK(list.closed());
  CHECK_FALSE(list.push(a));
  CHECK(a.next == &neighbour);
  CHECK(list.take().oldest == nullptr);
}

TEST_CASE("what was queued when the list closed is still there to be taken") {
  submission_list list;
  item a(1), b(2);
  CHECK(list.push(a));
  CHECK(list.push(b));
  CHECK(list.close());
  CHECK(numbers(list.take().oldest) == std::vector{1, 2});
  CHECK(list.closed());  // taking does not reopen it
  CHECK_FALSE(list.push(a));
}

TEST_CASE("a list closes once") {
  submission_list list;
  CHECK(list.close());
  CHECK_FALSE(list.close());
}

TEST_CASE("nodes and closing are news; what was taken is none") {
  submission_list list;
  item a(1);
  CHECK_FALSE(list.has_news());
  CHECK(list.push(a));
  CHECK(list.has_news());
  list.take();
  CHECK_FALSE(list.has_news());
  list.close();
  CHECK(list.has_news());
  list.take();
  CHECK(list.has_news());  // for good: the loop must not sleep before it has ended
}

TEST_CASE("threads that push at once lose nothing, and each keeps its own order") {
  constexpr int threads = 4;
  constexpr int each = 5000;
  submission_list list;
  std::vector<std::vector<item>> items(threads);
  for (int t = 0; t < threads; ++t) {
    items[t].reserve(each);
    for (int i = 0; i < each; ++i) items[t].emplace_back(i, t);
  }
  std::barrier start(threads + 1);
  std::vector<std::thread> pushers;
  for (int t = 0; t < threads; ++t) {
    pushers.emplace_back([&, t]() noexcept {
      start.arrive_and_wait();
      for (item& i : items[t]) list.push(i);
    });
  }
  start.arrive_and_wait();
  std::vector<int> next(threads, 0);
  bool in_order = true;
  int taken = 0;
  const auto take_all = [&] {
    for (operation* n = list.take().oldest; n != nullptr; n = n->next) {
      const item& i = *static_cast<item*>(n);
      in_order = in_order && i.number == next[i.thread]++;
      ++taken;
    }
  };
  for (int round = 0; round < 1000; ++round) take_all();  // among the pushes
  for (std::thread& p : pushers) p.join();
  take_all();
  CHECK(taken == threads * each);
  CHECK(in_order);
}

TEST_CASE("a push that happens before another is taken before it") {
  constexpr int rounds = 2000;
  submission_list list;
  std::vector<item> items(2 * rounds);
  for (int i = 0; i < 2 * rounds; ++i) items[i].number = i;
  std::barrier<> turn(2);
  const auto push_every_other = [&](int first) noexcept {
    for (int i = 0; i < 2 * rounds; ++i) {
      if (i % 2 == first) list.push(items[i]);
      turn.arrive_and_wait();
    }
  };
  std::thread other([&]() noexcept { push_every_other(1); });
  push_every_other(0);
  other.join();
  int expected = 0;
  bool in_order = true;
  for (const int n : numbers(list.take().oldest)) in_order = in_order && n == expected++;
  CHECK(in_order);
  CHECK(expected == 2 * rounds);
}

TEST_CASE("of pushes that race with close, exactly the accepted ones are there to be taken") {
  constexpr int rounds = 3000;
  std::barrier<> turn(2);
  submission_list lists[rounds];
  std::vector<item> items(rounds * 3);
  std::vector<int> accepted(rounds, 0);
  std::thread pusher([&]() noexcept {
    for (int r = 0; r < rounds; ++r) {
      turn.arrive_and_wait();
      for (int i = 0; i < 3; ++i) accepted[r] += lists[r].push(items[r * 3 + i]) ? 1 : 0;
      turn.arrive_and_wait();
    }
  });
  bool agree = true;
  for (int r = 0; r < rounds; ++r) {
    turn.arrive_and_wait();
    lists[r].close();
    turn.arrive_and_wait();
    agree =
        agree && numbers(lists[r].take().oldest).size() == static_cast<std::size_t>(accepted[r]);
  }
  pusher.join();
  CHECK(agree);
}
