// Which loop of a group takes a call. (Its beginning and its end:
// bridge_group_start_test, bridge_group_stop_test.)
#include <doctest/doctest.h>
#include <signal.h>
#include <uv.h>

#include <array>
#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/error_log.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("bridge_group");

using loopbridge::bridge;
using loopbridge::bridge_group;
using loopbridge::status;

namespace {

std::size_t index_of(bridge_group& group, const bridge& b) {
  for (std::size_t n = 0; n < group.size(); ++n) {
    if (&group[n] == &b) return n;
  }
  return group.size();
}

}  // namespace

TEST_CASE("a group has as many loops as it is asked for, else one for each CPU it may use") {
  CHECK(bridge_group(3).size() == 3);
  CHECK(bridge_group().size() == uv_available_parallelism());
}

TEST_CASE("each bridge has a loop and a thread of its own, and the group's name with its number") {
  support::error_log log;
  auto opts = support::reporting_to(log);
  opts.name = "pool";
  bridge_group group(3, opts);
  std::set<uv_loop_t*> loops;
  std::set<std::thread::id> threads;
  for (std::size_t n = 0; n < 3; ++n) {
    loops.insert(group[n].call_for(support::generous,
                                   [](loopbridge::loop_ref loop) -> uv_loop_t* { return loop; }));
    threads.insert(group[n].call_for(support::generous, std::this_thread::get_id));
    group[n].post([] { throw 1; });
    REQUIRE(log.wait_for(n + 1));
    CHECK(log.entries().back().bridge == "pool-" + std::to_string(n));
  }
  CHECK(loops.size() == 3);
  CHECK(threads.size() == 3);
}

TEST_CASE("next() is each loop in turn, for calls of every kind") {
  bridge_group group(3);
  CHECK(std::vector<bridge*>{&group[0], &group[1], &group[2]} ==
        std::vector<bridge*>{group.begin(), group.begin() + 1, group.end() - 1});
  for (int round = 0; round < 2; ++round) {
    for (std::size_t n = 0; n < 3; ++n) CHECK(index_of(group, group.next()) == n);
  }
  std::vector<std::unique_ptr<std::atomic<int>>> ran;
  for (std::size_t n = 0; n < 3; ++n) ran.push_back(std::make_unique<std::atomic<int>>(0));
  const auto count = [&] {
    for (std::size_t n = 0; n < 3; ++n) *ran[n] += group[n].on_loop_thread() ? 1 : 0;
  };
  const std::vector<std::function<void()>> kinds = {
      [&] { group.next().post(count); },
      [&] { group.next().submit(count).get(); },
      [&] { group.next().call(count); },
      [&] { CHECK(group.next().post_reentrant([c = &count] { (*c)(); }) == status::accepted); },
  };
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    for (int n = 0; n < 3; ++n) kinds[k]();
    for (std::size_t n = 0; n < 3; ++n) {
      support::catch_up(group[n]);
      CAPTURE(k);
      CAPTURE(n);
      CHECK(*ran[n] == int(k) + 1);
    }
  }
}

TEST_CASE("the same key finds the same loop, and keys of a kind reach all loops") {
  bridge_group group(4);
  std::array<int, 4> by_number{};
  std::array<int, 4> by_text{};
  std::array<int, 4> by_address{};
  for (int i = 0; i < 400; ++i) {
    const std::string text = "client " + std::to_string(i);
    const auto* const address = reinterpret_cast<const char*>(std::uintptr_t{64} * unsigned(i));
    ++by_number.at(index_of(group, group.by_key(4 * i)));  // what they have in common is ours
    ++by_text.at(index_of(group, group.by_key(text)));
    ++by_address.at(index_of(group, group.by_key(address)));
    CHECK(&group.by_key(4 * i) == &group.by_key(4 * i));
    CHECK(&group.by_key(text) == &group.by_key(std::string(text)));
  }
  for (const auto& spread : {by_number, by_text, by_address}) {
    for (const int keys : spread) CHECK(keys >= 50);  // of the 100 that are each one's share
  }
}

TEST_CASE("calls of one key run in the order of submission, from many threads, on many loops") {
  constexpr int keys = 16;
  constexpr int each = 2000;
  bridge_group group(3);
  std::array<std::vector<int>, keys> order;  // each touched by its key's loop only
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t]() noexcept {
      for (int i = 0; i < each; ++i) {
        for (int key = t; key < keys; key += 4) {
          group.by_key(key).post([&order, key, i] { order.at(std::size_t(key)).push_back(i); });
        }
      }
    });
  }
  threads.clear();
  group.stop();
  for (const auto& of_key : order) {
    REQUIRE(of_key.size() == each);
    for (int i = 0; i < each; ++i) REQUIRE(of_key[std::size_t(i)] == i);
  }
}

TEST_CASE("a group is used by many threads at once, by every choice, and loses and doubles none") {
  constexpr int threads = 4;
  constexpr int each = 4000;
  bridge_group group(3);
  std::vector<std::vector<std::atomic<unsigned char>>> ran(threads);
  for (auto& own : ran) own = std::vector<std::atomic<unsigned char>>(each);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> users;
    for (int t = 0; t < threads; ++t) {
      users.emplace_back([&, t]() noexcept {
        for (int i = 0; i < each; ++i) {
          std::atomic<unsigned char>* const own = &ran[std::size_t(t)][std::size_t(i)];
          const auto mark = [own] { ++*own; };
          switch (i % 3) {
            case 0:
              group.next().post(mark);
              break;
            case 1:
              group.by_key(i).post(mark);
              break;
            case 2:
              if (group.next().call([own] { return ++*own; }) != 1) ++wrong;
              break;
          }
        }
      });
    }
  }
  group.stop();
  for (const auto& own : ran) {
    for (const auto& times : own) wrong += times != 1 ? 1 : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a signal handler submits to a group, by every choice") {
  static bridge_group* group = nullptr;
  static std::atomic<int> ran;
  static std::atomic<int> refused;
  bridge_group made(2);
  group = &made;
  ran = refused = 0;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {
    const auto count = [] { ++ran; };
    for (const status s :
         {group->next().post_reentrant(count), group->by_key(7).post_reentrant(count)}) {
      if (s != status::accepted) ++refused;
    }
  };
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  for (int i = 0; i < 10; ++i) raise(SIGUSR1);
  sigaction(SIGUSR1, &before, nullptr);
  for (std::size_t n = 0; n < 2; ++n) support::catch_up(made[n]);
  CHECK(refused == 0);
  CHECK(ran == 20);
}
