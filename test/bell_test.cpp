#include <doctest/doctest.h>

#include <atomic>
#include <loopbridge/detail/bell.hpp>
#include <loopbridge/detail/submission_list.hpp>
#include <thread>

TEST_SUITE_BEGIN("bell");

using loopbridge::detail::bell;

TEST_CASE("nobody rings for a loop that is awake") {
  bell b;
  CHECK(b.episode_to_ring() == 0);
}

TEST_CASE("an armed bell is to be rung, until the loop is awake again") {
  bell b;
  b.arm();
  CHECK(b.episode_to_ring() != 0);
  b.disarm();
  CHECK(b.episode_to_ring() == 0);
}

TEST_CASE("looking at the bell does not silence it") {
  bell b;
  b.arm();
  const auto episode = b.episode_to_ring();
  CHECK(b.episode_to_ring() == episode);  // a second sender rings too: the first has not written
}

TEST_CASE("a bell that was rung need not be rung again for this sleep") {
  bell b;
  b.arm();
  b.silence(b.episode_to_ring());
  CHECK(b.episode_to_ring() == 0);
}

TEST_CASE("arming what nobody has answered keeps the episode") {
  bell b;
  b.arm();
  const auto episode = b.episode_to_ring();
  b.arm();
  CHECK(b.episode_to_ring() == episode);
}

TEST_CASE("each sleep has an episode of its own") {
  bell b;
  b.arm();
  const auto first = b.episode_to_ring();
  b.disarm();
  b.arm();
  const auto second = b.episode_to_ring();
  CHECK(second != 0);
  CHECK(second != first);
}

TEST_CASE("a late sender does not silence a later sleep") {
  bell b;
  b.arm();
  const auto late = b.episode_to_ring();
  b.disarm();
  b.arm();
  b.silence(late);
  CHECK(b.episode_to_ring() != 0);
}

TEST_CASE("silencing twice, or after the loop woke, changes nothing") {
  bell b;
  b.arm();
  const auto episode = b.episode_to_ring();
  b.silence(episode);
  b.silence(episode);
  CHECK(b.episode_to_ring() == 0);
  b.disarm();
  b.silence(episode);
  CHECK(b.episode_to_ring() == 0);
  b.arm();
  CHECK(b.episode_to_ring() != 0);
}

TEST_CASE("disarming an awake bell changes nothing") {
  bell b;
  b.disarm();
  CHECK(b.episode_to_ring() == 0);
  b.arm();
  CHECK(b.episode_to_ring() != 0);
}

TEST_CASE("of a sender that pushes and a loop that goes to sleep, one sees the other") {
  using loopbridge::detail::core_base;
  struct item final : loopbridge::detail::node {
    loopbridge::detail::result_base* run(core_base&) noexcept override { return nullptr; }
    loopbridge::detail::result_base* refuse(core_base&) noexcept override { return nullptr; }
  };
  constexpr unsigned rounds = 20000;
  loopbridge::detail::submission_list list;
  bell b;
  item i;
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
      list.push(i);
      sender_rings = b.episode_to_ring() != 0;
      meet(2 * r + 2);
    }
  });
  int lost = 0;
  for (unsigned r = 0; r < rounds; ++r) {
    meet(2 * r + 1);
    b.arm();
    const bool loop_stays_awake = list.has_news();
    meet(2 * r + 2);
    if (!sender_rings && !loop_stays_awake) ++lost;
    b.disarm();
    list.take();
  }
  sender.join();
  CHECK(lost == 0);
}
