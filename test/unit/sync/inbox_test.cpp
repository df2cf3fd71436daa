#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <loopbridge/detail/sync/inbox.hpp>
#include <thread>

TEST_SUITE_BEGIN("inbox");

namespace {

struct item final : loopbridge::detail::operation {
  loopbridge::detail::call_base* run(loopbridge::detail::loop_core&) noexcept override {
    return nullptr;
  }
  loopbridge::detail::call_base* refuse(loopbridge::detail::loop_core&) noexcept override {
    return nullptr;
  }
};

struct inbox : loopbridge::detail::inbox<inbox> {
  void ring() noexcept {
    ++rings;
    if (during_the_write) during_the_write();
  }
  int rings = 0;
  std::function<void()> during_the_write;
};

}  // namespace

TEST_CASE("nobody rings for a loop that is awake") {
  inbox i;
  i.wake();
  CHECK(i.rings == 0);
  CHECK(!i.is_asleep());
}

TEST_CASE("an armed inbox is to be rung, until the loop is awake again") {
  inbox i;
  i.arm();
  CHECK(i.is_asleep());
  i.disarm();
  CHECK(!i.is_asleep());
}

TEST_CASE("a submission rings a loop that sleeps, once for each sleep") {
  inbox i;
  item first;
  item second;
  i.arm();
  CHECK(i.submit(first) == loopbridge::status::accepted);
  CHECK(i.rings == 1);
  CHECK(i.submit(second) == loopbridge::status::accepted);
  CHECK(i.rings == 1);
  i.disarm();
  i.arm();
  i.wake();
  CHECK(i.rings == 2);
}

TEST_CASE("until a sender's write has returned, others ring too") {
  inbox i;
  i.arm();
  int inner = 0;
  i.during_the_write = [&] {
    if (inner++ == 0) i.wake();
  };
  i.wake();
  CHECK(i.rings == 2);
  CHECK(!i.is_asleep());
}

TEST_CASE("arming what nobody has answered keeps the sleep") {
  inbox i;
  i.arm();
  i.during_the_write = [&] { i.arm(); };
  i.wake();
  CHECK(!i.is_asleep());  // the mark was for this sleep still
}

TEST_CASE("a late sender does not mark a later sleep as rung") {
  inbox i;
  i.arm();
  i.during_the_write = [&] {
    i.disarm();
    i.arm();
  };
  i.wake();
  CHECK(i.is_asleep());
}

TEST_CASE("a sender that is late for a loop that is awake again changes nothing") {
  inbox i;
  i.arm();
  i.during_the_write = [&] { i.disarm(); };
  i.wake();
  CHECK(!i.is_asleep());
  i.arm();
  CHECK(i.is_asleep());
}

TEST_CASE("disarming an awake inbox changes nothing") {
  inbox i;
  i.disarm();
  CHECK(!i.is_asleep());
  i.arm();
  CHECK(i.is_asleep());
}

TEST_CASE("a closed inbox refuses, and rings for nothing") {
  inbox i;
  item late;
  i.arm();
  CHECK(i.close());
  CHECK(i.submit(late) == loopbridge::status::bridge_stopped);
  CHECK(i.rings == 0);
  i.wake();  // as those who close it do
  CHECK(i.rings == 1);
}

TEST_CASE("of a sender that pushes and a loop that goes to sleep, one sees the other") {
  constexpr unsigned rounds = 20000;
  inbox i;
  item pushed;
  // Side by side, not by a barrier: a thread that is woken comes too late to meet the other.
  std::atomic<unsigned> arrived{0};
  const auto meet = [&](unsigned meeting) noexcept {
    ++arrived;
    for (unsigned spins = 0; arrived < 2 * meeting; ++spins) {
      if (spins > 10000) std::this_thread::yield();
    }
  };
  bool sender_rings = false;
  std::thread sender([&]() noexcept {
    for (unsigned r = 0; r < rounds; ++r) {
      meet(2 * r + 1);
      const int before = i.rings;
      (void)i.submit(pushed);
      sender_rings = i.rings != before;
      meet(2 * r + 2);
    }
  });
  int lost = 0;
  for (unsigned r = 0; r < rounds; ++r) {
    meet(2 * r + 1);
    i.arm();
    const bool loop_stays_awake = i.has_news();
    meet(2 * r + 2);
    if (!sender_rings && !loop_stays_awake) ++lost;
    i.disarm();
    i.list().take();
  }
  sender.join();
  CHECK(lost == 0);
}
