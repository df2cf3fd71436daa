// A queue that needs no loop. What handlers and forked children do with it is shown by
// reentrant_queue_handlers_test.cpp.
#include <doctest/doctest.h>

#include <any>
#include <array>
#include <atomic>
#include <chrono>
#include <loopbridge/handlers/reentrant_queue.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/patience.hpp"
#include "support/queue_access.hpp"

TEST_SUITE_BEGIN("reentrant_queue");

using namespace std::chrono_literals;
using loopbridge::queue_closed;
using loopbridge::reentrant_queue;
using loopbridge::status;

TEST_CASE("what one thread puts, in whatever way, comes out in that order") {
  reentrant_queue<int> q;
  q.put(1);
  CHECK(q.put_reentrant(2) == status::accepted);
  CHECK(q.try_put(3) == status::accepted);
  CHECK(q.get() == 1);
  q.put(4);
  for (int n = 2; n <= 4; ++n) CHECK(q.get_for(0s) == n);
  CHECK(q.try_get() == std::nullopt);
}

TEST_CASE("getters that wait get what is put, each item once") {
  reentrant_queue<int> q;
  std::atomic<int> sum{0};
  {
    std::vector<std::jthread> getters;
    for (int n = 0; n < 3; ++n) getters.emplace_back([&]() noexcept { sum += q.get(); });
    support::until_getter_sleeps(q);
    q.put(1);
    CHECK(q.put_reentrant(10) == status::accepted);
    q.put(100);
  }
  CHECK(sum == 111);
}

TEST_CASE("items may be move-only, strings, or anything at all") {
  reentrant_queue<std::unique_ptr<int>> owned;
  owned.put(std::make_unique<int>(5));
  CHECK(owned.try_put(std::make_unique<int>(6)) == status::accepted);
  CHECK(*owned.get() == 5);
  CHECK(**owned.get_for(1s) == 6);

  reentrant_queue<std::string> texts;
  texts.put("made in place");
  const std::string kept = "copied, since it is no temporary";
  texts.put(kept);
  CHECK(texts.get() == "made in place");
  CHECK(texts.get() == kept);

  reentrant_queue<std::optional<std::any>> odd;
  odd.put(std::optional<std::any>(7));
  odd.put(std::nullopt);
  CHECK(std::any_cast<int>(*odd.get()) == 7);
  CHECK_FALSE((*odd.get_for(1s)).has_value());
}

TEST_CASE("a getter's deadline holds, and an item that is there is got after any deadline") {
  reentrant_queue<int> q;
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(q.get_for(30ms).has_value());
  CHECK(std::chrono::steady_clock::now() - begin >= 30ms);
  CHECK_FALSE(q.get_for(-1s).has_value());
  q.put(1);
  CHECK(q.get_for(-1s) == 1);
  q.put(2);
  CHECK(q.get_for(std::chrono::hours::max()) == 2);
}

TEST_CASE("a closed queue refuses putters; getters get what is left, and then are told") {
  reentrant_queue<int> q;
  q.put(1);
  q.put(2);
  CHECK_FALSE(q.closed());
  q.close();
  q.close();
  CHECK(q.closed());
  CHECK_THROWS_WITH_AS(q.put(3), doctest::Contains("put before close()"), queue_closed);
  CHECK(q.try_put(3) == status::queue_closed);
  CHECK(q.put_reentrant(3) == status::queue_closed);
  CHECK(q.get() == 1);
  CHECK(q.try_get() == 2);
  CHECK_THROWS_AS((void)q.get(), queue_closed);
  CHECK_THROWS_AS((void)q.get_for(1h), queue_closed);
  CHECK_THROWS_AS((void)q.try_get(), queue_closed);
}

TEST_CASE("closing ends every getter that waits") {
  reentrant_queue<int> q;
  std::atomic<int> told{0};
  {
    std::vector<std::jthread> getters;
    for (int n = 0; n < 4; ++n) {
      getters.emplace_back([&, n]() noexcept {
        try {
          if (n % 2 == 0) {
            (void)q.get();
          } else {
            (void)q.get_for(1h);
          }
        } catch (const queue_closed&) {
          ++told;
        }
      });
    }
    support::until_getter_sleeps(q);
    q.close();
  }
  CHECK(told == 4);
}

TEST_CASE("items that are left when the queue is destroyed are destroyed, as are refused ones") {
  support::counts c;
  {
    reentrant_queue<support::token> q;
    for (int n = 0; n < 3; ++n) q.put(support::token(c));
    (void)q.get();
    CHECK(c.alive() == 2);
    q.close();
    CHECK(q.try_put(support::token(c)) == status::queue_closed);
    CHECK_THROWS_AS(q.put(support::token(c)), queue_closed);
    CHECK(c.alive() == 2);
  }
  CHECK(c.alive() == 0);
}

namespace {

struct throws_when_moved {
  explicit throws_when_moved(int n) : number(n) {}
  throws_when_moved(throws_when_moved&& other) : number(other.number) {
    if (shy > 0 && --shy == 0) throw std::domain_error("not now");
  }
  int number;
  static inline int shy = 0;
};

}  // namespace

TEST_CASE("an item whose move throws stays where it was, and is got the next time") {
  reentrant_queue<throws_when_moved> q;
  for (int n = 1; n <= 3; ++n) q.put(n);
  throws_when_moved::shy = 1;
  CHECK_THROWS_AS((void)q.get(), std::domain_error);
  throws_when_moved::shy = 1;
  CHECK_THROWS_AS((void)q.get_for(1s), std::domain_error);
  CHECK(q.get().number == 1);
  throws_when_moved::shy = 1;
  CHECK_THROWS_AS(q.put(throws_when_moved(4)), std::domain_error);
  CHECK(q.get().number == 2);
  CHECK(q.try_get()->number == 3);
  throws_when_moved::shy = 0;
  CHECK_FALSE(q.try_get().has_value());
}

TEST_CASE("another getter that waits gets the item whose move throws") {
  // The getter that fails looks for an item at once, and gets it before the other one can; it
  // fails only when that one sleeps again.
  struct waits_for_the_other {
    explicit waits_for_the_other(reentrant_queue<waits_for_the_other>& queue) : q(&queue) {}
    waits_for_the_other(waits_for_the_other&& other) : q(other.q) {
      if (!other.fails.exchange(false)) return;
      if (!support::comes_true([&] { return support::has_sleeper(*q); })) std::abort();
      throw std::domain_error("no");
    }
    reentrant_queue<waits_for_the_other>* q;
    std::atomic<bool> fails{true};
  };
  reentrant_queue<waits_for_the_other> shy;
  shy.put(shy);
  std::atomic<int> got{0};
  std::atomic<int> failed{0};
  const auto getter = [&]() noexcept {
    try {
      (void)shy.get_for(support::generous).value();
      ++got;
    } catch (const std::domain_error&) {
      ++failed;
    }
  };
  {
    const std::jthread one(getter);
    const std::jthread other(getter);
  }
  CHECK(got == 1);
  CHECK(failed == 1);
}

TEST_CASE("items are got in each putter's order, and none is lost or doubled, under any load") {
  struct numbered {
    int putter;
    int number;
  };
  constexpr int putters = 4, getters = 3, each = 20000;
  reentrant_queue<numbered> q(64);
  std::array<std::atomic<int>, putters> got{};
  std::atomic<int> disorder{0};
  {
    std::vector<std::jthread> threads;
    for (int g = 0; g < getters; ++g) {
      threads.emplace_back([&, g]() noexcept {
        std::array<int, putters> last;
        last.fill(-1);
        for (int n = 0;; ++n) {
          try {
            std::optional<numbered> i;
            if (g == 0) {
              i = q.get();
            } else if (i = n % 2 == 0 ? q.get_for(100us) : q.try_get(); !i) {
              continue;
            }
            const auto p = static_cast<std::size_t>(i->putter);
            if (i->number <= last[p]) ++disorder;
            last[p] = i->number;
            ++got[p];
          } catch (const queue_closed&) {
            return;
          }
        }
      });
    }
    std::vector<std::jthread> senders;
    for (int p = 0; p < putters; ++p) {
      senders.emplace_back([&, p]() noexcept {
        for (int n = 0; n < each; ++n) {
          const numbered i{p, n};
          if (n % 3 == 0) {
            while (q.put_reentrant(i) != status::accepted) std::this_thread::yield();
          } else {
            q.put(i);
          }
        }
      });
    }
    senders.clear();
    q.close();
  }
  for (const auto& count : got) CHECK(count == each);
  CHECK(disorder == 0);
}

TEST_CASE("a getter that sleeps is woken for each item, though others come and go") {
  // Ping-pong through two queues: a wake-up that is lost here ends in the deadline.
  reentrant_queue<int> to, fro;
  std::jthread other([&]() noexcept {
    while (const auto n = to.get_for(support::generous)) {
      fro.put(*n);
      if (*n == 0) return;
    }
  });
  int wrong = 0;
  for (int n = 20000; n >= 0; --n) {
    to.put(n);
    if (fro.get_for(support::generous) != n) ++wrong;
  }
  CHECK(wrong == 0);
}
