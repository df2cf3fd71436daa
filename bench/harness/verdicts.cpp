#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "statistics.hpp"
#include "targets.hpp"

namespace bench {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

const std::vector<double>* find(const report& r, const char* measure, const char* contender,
                                const char* figure) {
  const report::block* const b = r.find(measure);
  return b == nullptr ? nullptr : values_of(*b, contender, figure);
}

/// Beside the peer that makes it look worst.
verdict beside_every_peer(const report& r, const target& t, const std::vector<double>& values) {
  verdict worst{&t, unknown, ""};
  for (const report::row& row : r.find(t.measure)->rows) {
    if (row.is != role::peer) continue;
    const double ratio =
        paired_ratio(values, *values_of(*r.find(t.measure), row.contender, t.figure));
    const bool worse =
        t.relation == target::at_most ? ratio > worst.measured : ratio < worst.measured;
    if (std::isnan(worst.measured) || worse) worst = {&t, ratio, row.contender};
  }
  return worst;
}

verdict judge_one(const report& r, const target& t) {
  const std::vector<double>* const values = find(r, t.measure, t.contender, t.figure);
  if (values == nullptr) return {&t, unknown, ""};
  if (t.to == nullptr) return {&t, median(*values), ""};
  if (std::string_view(t.to) == every_peer) return beside_every_peer(r, t, *values);
  const std::vector<double>* const others =
      find(r, t.to_measure != nullptr ? t.to_measure : t.measure, t.to,
           t.to_figure != nullptr ? t.to_figure : t.figure);
  return {&t, others == nullptr ? unknown : paired_ratio(*values, *others), t.to};
}

const char* unit_of(const report& r, const target& t) {
  const report::block* const b = r.find(t.measure);
  if (b == nullptr || t.to != nullptr) return "";
  const auto& figures = b->what.figures;
  const auto at = std::find_if(figures.begin(), figures.end(),
                               [&](const figure& f) { return f.name == t.figure; });
  return at == figures.end() ? "" : at->unit.c_str();
}

}  // namespace

const char* verdict::word() const {
  if (std::isnan(measured)) return "not measured";
  const bool met = of->relation == target::at_most ? measured <= of->limit : measured >= of->limit;
  return met ? "met" : "missed";
}

std::vector<verdict> judge(const report& r, const std::vector<target>& by) {
  std::vector<verdict> all;
  for (const target& t : by) all.push_back(judge_one(r, t));
  return all;
}

void print_verdicts(const report& r, const std::vector<verdict>& all) {
  std::puts("\nTargets: measured, wanted");
  std::size_t met = 0;
  std::size_t missed = 0;
  std::size_t not_measured = 0;
  for (const verdict& v : all) {
    const target& t = *v.of;
    // What was left out on purpose need not be told.
    if (r.find(t.measure) != nullptr && r.find(t.measure)->rows.empty()) continue;
    const std::string_view word = v.word();
    met += word == "met";
    missed += word == "missed";
    not_measured += word == "not measured";
    char measured[16] = "-";
    if (!std::isnan(v.measured)) std::snprintf(measured, sizeof(measured), "%.3f", v.measured);
    const std::string beside = t.to == nullptr     ? unit_of(r, t)
                               : v.against.empty() ? "beside " + std::string(t.to)
                                                   : "beside " + v.against;
    std::printf("%-12s %8s %s %-5.4g %s (%s; %s: %s, %s)\n", word.data(), measured,
                t.relation == target::at_most ? "<=" : ">=", t.limit, t.goal, t.contender,
                t.measure, t.figure, beside.c_str());
  }
  std::printf("%zu met, %zu missed, %zu not measured\n", met, missed, not_measured);
}

}  // namespace bench
