// A queue that needs no loop. That handlers may interrupt it at every instruction is shown by
// stepping/queue_test.cpp.
#include <doctest/doctest.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

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
#include "support/in_child.hpp"
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

TEST_CASE("slots for handlers are a fixed number, and come back when their items are got") {
  reentrant_queue<int> q(1);  // rounded up
  for (int n = 0; n < 64; ++n) CHECK(q.put_reentrant(n) == status::accepted);
  CHECK(q.put_reentrant(64) == status::exhausted);
  q.put(64);  // needs none
  for (int n = 0; n < 64; ++n) {
    CHECK(q.get() == n);
    CHECK(q.put_reentrant(n + 65) == status::accepted);
    CHECK(q.put_reentrant(0) == status::exhausted);
  }
  for (int n = 64; n < 129; ++n) CHECK(q.get() == n);
  reentrant_queue<int> none(0);
  CHECK(none.put_reentrant(1) == status::exhausted);
  none.close();
  CHECK(none.put_reentrant(1) == status::queue_closed);
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

namespace {
reentrant_queue<int>* handlers_queue = nullptr;
}

TEST_CASE("a handler puts and closes; errno is kept") {
  reentrant_queue<int> q;
  handlers_queue = &q;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int signal) {
    if (signal == SIGUSR1) {
      (void)handlers_queue->put_reentrant(1);
    } else {
      handlers_queue->close();
    }
  };
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  REQUIRE(sigaction(SIGUSR2, &action, nullptr) == 0);
  std::atomic<int> got{0};
  {
    const std::jthread getter([&]() noexcept {
      try {
        for (;;) got += q.get();
      } catch (const queue_closed&) {
      }
    });
    errno = ENOTTY;
    for (int n = 0; n < 3; ++n) {
      support::until_getter_sleeps(q);
      raise(SIGUSR1);
    }
    raise(SIGUSR2);
    CHECK(errno == ENOTTY);
  }
  CHECK(got == 3);
  sigaction(SIGUSR1, &before, nullptr);
  sigaction(SIGUSR2, &before, nullptr);
}

TEST_CASE("in a forked child everything refuses, and the parent's items are left alone" *
          doctest::skip(support::has_tsan)) {
  std::optional<reentrant_queue<int>> q(std::in_place);
  q->put(1);
  CHECK(q->put_reentrant(2) == status::accepted);
  CHECK(support::in_child([&] {
          if (q->put_reentrant(3) != status::wrong_process) return 1;
          if (q->try_put(3) != status::wrong_process) return 2;
          q->close();
          if (q->closed()) return 3;
          int refused = 0;
          for (const auto how : {0, 1, 2, 3}) {
            try {
              if (how == 0) q->put(3);
              if (how == 1) (void)q->get();
              if (how == 2) (void)q->get_for(1h);
              if (how == 3) (void)q->try_get();
            } catch (const loopbridge::wrong_process&) {
              ++refused;
            }
          }
          q.reset();
          return refused == 4 ? 0 : 4;
        }) == 0);
  CHECK(q->get() == 1);
  CHECK(q->get() == 2);
}

TEST_CASE("a handler that forks in a getter's sleep: in the child the getter is refused" *
          doctest::skip(support::has_tsan)) {
  static int pipe_ends[2];
  REQUIRE(pipe(pipe_ends) == 0);
  static pid_t child;
  child = -1;
  CHECK(support::in_child([&] {
          reentrant_queue<int> q;
          struct sigaction action{};
          action.sa_handler = [](int) { child = fork(); };
          action.sa_flags = SA_RESTART;
          sigaction(SIGUSR1, &action, nullptr);
          const pthread_t self = pthread_self();
          char in_child = '?';
          std::jthread putter([&]() noexcept {
            if (!support::comes_true([&] { return support::has_sleeper(q); })) return;
            pthread_kill(self, SIGUSR1);
            (void)!read(pipe_ends[0], &in_child, 1);
            q.put(7);
          });
          char how = 'g';
          try {
            if (q.get() != 7) how = 'x';
          } catch (const loopbridge::wrong_process&) {
            how = 'w';
          }
          if (child == 0) {
            (void)!write(pipe_ends[1], &how, 1);
            raise(SIGKILL);  // not exit: see in_child
          }
          (void)support::exit_code_of(child);
          return how == 'g' && in_child == 'w' ? 0 : 1;
        }) == 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}
