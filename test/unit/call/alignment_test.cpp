// Callables and results that want more than std::max_align_t's alignment, in every kind of call.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/owned.hpp>
#include <memory>
#include <vector>

#include "support/memory.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("alignment");

namespace {

using loopbridge::bridge;
using loopbridge::completer;
using loopbridge::eventual;
using loopbridge::task;
using support::generous;

/// Knows whether it is where it should be.
struct alignas(128) wide {
  explicit wide(int n) : number(n) {}
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % 128 == 0; }
  int number;
  std::array<char, 200> bytes{};
};

bool is_right(const wide& w, int number) {
  return w.is_aligned() && w.number == number;
}

}  // namespace

TEST_CASE("callables of every kind stand where they should, and so do results") {
  for (const bool own_memory : {false, true}) {
    support::counting_memory memory;
    {
      loopbridge::options opts;
      if (own_memory) opts.memory = &memory;
      bridge b(opts);
      // Several at once, so that their blocks begin at different addresses.
      std::vector<eventual<wide>> all;
      std::vector<bool> posted;
      for (int n = 0; n < 20; ++n) {
        const wide w(n);
        b.post([w, n, &posted] { posted.push_back(is_right(w, n)); });
        all.push_back(b.submit([w, n] {
          CHECK(is_right(w, n));
          return wide(n + 1);
        }));
      }
      for (int n = 0; n < 20; ++n) {
        auto& e = all[static_cast<std::size_t>(n)];
        REQUIRE(e.wait_for(generous));
        CHECK(is_right(e.get(), n + 1));
      }
      CHECK(posted == std::vector<bool>(20, true));
      const wide w(7);
      const auto f = [w] {
        CHECK(is_right(w, 7));
        return wide(8);
      };
      CHECK(is_right(b.call(f), 8));
      CHECK(is_right(b.call_for(generous, f), 8));
      CHECK(b.try_post([w]() noexcept { CHECK(is_right(w, 7)); }) == loopbridge::status::accepted);
      b.at_stop([w] { CHECK(is_right(w, 7)); });
    }
    CHECK(memory.bytes_in_use() == 0);
  }
}

TEST_CASE("deferreds, their hooks, then(), when_all() and what is fired by handlers, too") {
  bridge b;
  const wide w(1);
  completer<wide> done;
  auto later = b.submit([&, w] {
    done.on_cancel([w] { CHECK(is_right(w, 1)); });
    return done.get_deferred();
  });
  b.call([] {});
  CHECK(done.resolve(2));
  auto two = std::move(later).then([w](wide before) {
    CHECK(is_right(before, 2));
    CHECK(is_right(w, 1));
    return wide(3);
  });
  auto both = when_all(std::move(two), b.submit([] { return wide(4); }));
  REQUIRE(both.wait_for(generous));
  CHECK(is_right(std::get<0>(both.get()), 3));
  CHECK(is_right(std::get<1>(both.get()), 4));
  completer<wide> unwanted;
  auto cancelled = b.submit([&, w] {
    unwanted.on_cancel([w] { CHECK(is_right(w, 1)); });
    return unwanted.get_deferred();
  });
  b.call([] {});
  CHECK(cancelled.cancel());
  b.call([] {});
  bool fired = false;
  loopbridge::reentrant_call call(b, [w, &fired] { fired = is_right(w, 1); });
  CHECK(call.call_for(generous) == loopbridge::status::answered);
  CHECK(fired);
}

TEST_CASE("a task's callable may be so, and what it returns behind a pointer") {
  bridge b;
  const wide w(1);
  const auto work = [w]() -> task<std::unique_ptr<wide>> {
    CHECK(is_right(w, 1));
    co_await loopbridge::delay(std::chrono::milliseconds(1));
    CHECK(is_right(w, 1));
    co_return std::make_unique<wide>(5);
  };
  CHECK(is_right(*b.call(work), 5));
  CHECK(is_right(*b.submit(work).get_for(generous), 5));
}

TEST_CASE("an object that is owned on the loop, too, and its block goes back whole") {
  support::counting_memory memory;
  {
    loopbridge::options opts;
    opts.memory = &memory;
    bridge b(opts);
    loopbridge::owned object(b, [] { return wide(6); });
    CHECK(object.call([](wide& w) { return is_right(w, 6); }));
  }
  CHECK(memory.bytes_in_use() == 0);
}
