// The soak's account must be able to fail: what it would not notice, a long run proves nothing
// about. Here the promises are broken on purpose, between the soak and the library.
#include "account.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>

#include "faults.hpp"
#include "round.hpp"
#include "watch.hpp"

TEST_SUITE_BEGIN("soak account");

using breakage = soak::faults::breakage;

namespace {

constexpr soak::round_limits small{
    .actors = 2, .operations = 150, .signals = false, .forks = false};

/// Plays rounds in which this promise is broken once until `noticed`. The first should do, but what
/// a breakage leads to may depend on the schedule.
template <class Noticed>
void play_broken(soak::account& books, soak::faults& broken, Noticed noticed) {
  soak::tally counts;
  for (std::uint64_t seed = 1; !noticed() && seed <= 40; ++seed) {
    broken.after = broken.unharmed;
    soak::play_round(books, counts, seed, small, &broken);
  }
  CHECK(broken.done > 0);
  CHECK(noticed());
}

}  // namespace

TEST_CASE("rounds in which nothing is broken are found in order") {
  soak::account books;
  soak::tally counts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    soak::play_round(books, counts, seed, {.actors = 3, .operations = 100, .forks = false});
  }
  CHECK(books.complaints() == 0);
  books.print_complaints(stderr);
  CHECK(books.sums().accepted > 1000);
}

TEST_CASE("the account notices each broken promise") {
  struct control {
    const char* name;
    breakage what;
    const char* complaint;
  };
  const auto c = [] {
    control chosen{};
    for (const control& each : {
             control{"an accepted call that never runs", breakage::drop_post, "lost: "},
             control{"a callable that is never destroyed", breakage::lose_post, "never destroyed"},
             control{"a call that runs twice", breakage::run_twice, "ran twice"},
             control{"a call that later ones overtake", breakage::overtake, "out of order"},
             control{"a call that runs elsewhere", breakage::wrong_thread, "another thread"},
             control{"a refused call that runs", breakage::refuse_late, "refused"},
             control{"an answer before the callable is gone", breakage::late_destruction,
                     "before its callable was destroyed"},
             control{"another call's answer", breakage::wrong_answer, "somebody else's answer"},
             control{"a failure that is kept quiet", breakage::hush_report, "was not reported"},
             control{"a failure reported twice", breakage::report_twice, "reported twice"},
         }) {
      SUBCASE(each.name) {
        chosen = each;
      }
    }
    return chosen;
  }();
  soak::account books;
  soak::faults broken(c.what, 3);
  play_broken(books, broken, [&] { return books.complained_of(c.complaint); });
}

TEST_CASE("the watch notices a waiter who is never released") {
  soak::account books;
  soak::faults broken(breakage::withhold_answer, 10);
  std::atomic<int> hung{0};
  const soak::watch watching(std::chrono::seconds(1), [&](const char*) {
    ++hung;
    broken.release();
  });
  play_broken(books, broken, [&] { return hung > 0; });
}
