// What the bench makes of its figures: the figures themselves are the machine's.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "contenders/naive.hpp"
#include "measure.hpp"
#include "measures/burst.hpp"
#include "report.hpp"
#include "statistics.hpp"
#include "targets.hpp"

namespace {

using bench::median;
using bench::paired_ratio;
using bench::percentile;
using bench::role;
using bench::target;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// One measure with two figures, each in three rounds.
bench::report small_report() {
  bench::report r;
  r.blocks.push_back({{"m", {{"median", "us"}, {"p99", "us"}}},
                      {{"floor", role::floor, {{1, 1, 1}, {2, 2, 2}}},
                       {"naive", role::baseline, {{10, 20, 40}, {30, 30, 30}}},
                       {"ours", role::ours, {{5, 10, 20}, {8, 8, 8}}},
                       {"fast", role::peer, {{4, 8, 16}, {unknown, 1, unknown}}},
                       {"slow", role::peer, {{50, 100, 200}, {9, 9, 9}}}}});
  return r;
}

bench::verdict judged(const target& t) {
  static std::vector<target> kept;  // a verdict refers to its target
  kept = {t};
  return bench::judge(small_report(), kept).front();
}

TEST_CASE("a percentile is a value that was measured, and rounds not measured are left out") {
  CHECK(percentile({5, 1, 4, 2, 3}, 50) == 3);
  CHECK(percentile({5, 1, 4, 2, 3}, 99) == 5);
  CHECK(percentile({5, 1, 4, 2, 3}, 0) == 1);
  CHECK(median({unknown, 7, unknown}) == 7);
  CHECK(std::isnan(median({unknown})));
  CHECK(std::isnan(median({})));
}

TEST_CASE("a ratio pairs the rounds: what slows a whole round down does not show") {
  // Of the medians it would be 30 / 20.
  CHECK(paired_ratio({10, 30, 200}, {20, 15, 400}) == 0.5);
  CHECK(paired_ratio({10, unknown, 5}, {20, 1, 10}) == 0.5);
  CHECK(paired_ratio({0, 0, 0}, {0, 0, 0}) == 1);
}

TEST_CASE("a target is met, missed or not measured, by itself and beside others") {
  const auto word = [](const target& t) { return std::string_view(judged(t).word()); };
  CHECK(word({"", "ours", "m", "p99", target::at_most, 8}) == "met");
  CHECK(word({"", "ours", "m", "p99", target::at_most, 7.9}) == "missed");
  CHECK(word({"", "ours", "m", "p99", target::at_least, 8.1}) == "missed");
  CHECK(word({"", "ours", "m", "median", target::at_most, 0.5, "naive"}) == "met");
  CHECK(word({"", "ours", "m", "median", target::at_most, 0.49, "naive"}) == "missed");
  CHECK(word({"", "ours", "m", "p99", target::at_most, 2, "ours", "median"}) == "met");
  CHECK(word({"", "nobody", "m", "median", target::at_most, 1}) == "not measured");
  CHECK(word({"", "ours", "nothing", "median", target::at_most, 1}) == "not measured");
  CHECK(word({"", "ours", "m", "median", target::at_most, 1, "nobody"}) == "not measured");
  CHECK(word({"", "ours", "nothing", "median", target::at_most, 1, bench::every_peer}) ==
        "not measured");
}

TEST_CASE("beside every peer the best peer counts, and no floor") {
  const bench::verdict v =
      judged({"", "ours", "m", "median", target::at_most, 1, bench::every_peer});
  CHECK(v.against == "fast");
  CHECK(v.measured == 1.25);
  CHECK(std::string_view(v.word()) == "missed");
  const bench::verdict at_least =
      judged({"", "ours", "m", "median", target::at_least, 1, bench::every_peer});
  CHECK(at_least.against == "slow");
}

TEST_CASE("what a target names to divide by belongs to a contender to divide by") {
  for (const target& t : bench::targets()) {
    CHECK(t.limit > 0);
    CHECK((t.to_figure == nullptr || t.to != nullptr));
    CHECK((t.to_measure == nullptr || t.to != nullptr));
  }
}

/// Loses a call now and then, but none that says that a burst is over.
struct forgetful : bench::naive {
  unsigned posts = 0;
  template <class F>
  void post(F&& f) {
    if (++posts % 1501 != 0) bench::naive::post(std::forward<F>(f));
  }
};

TEST_CASE("a contender that loses calls is found out, one that loses none is not") {
  const bench::effort little{0.001, 0, 1000};
  CHECK_THROWS_AS(bench::burst{}.run<forgetful>(little), std::runtime_error);
  CHECK_NOTHROW(bench::burst{}.run<bench::naive>(little));
}

}  // namespace
