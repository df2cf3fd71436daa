#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "statistics.hpp"

namespace bench {
namespace {

using cells = std::vector<std::string>;

std::string number(double value) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
  return text;
}

std::string ratio(double value) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), value < 0.095 ? "%.3f" : "%.2f", value);
  return text;
}

std::string column(const figure& f) {
  if (f.unit.empty()) return f.name;
  return f.name + " " + f.unit;
}

cells header_of(const report::block& b) {
  cells header{b.what.name};
  for (const figure& f : b.what.figures) header.push_back(column(f));
  header.insert(header.begin() + 2, "ratio");
  return header;
}

cells line_of(const report::block& b, const report::row& row) {
  cells line{"  " + row.contender};
  for (const std::vector<double>& values : row.values) line.push_back(number(median(values)));
  const auto naive = std::find_if(b.rows.begin(), b.rows.end(),
                                  [](const report::row& r) { return r.is == role::baseline; });
  const bool has_naive = naive != b.rows.end();
  line.insert(line.begin() + 2,
              has_naive ? ratio(paired_ratio(row.values[0], naive->values[0])) : "");
  return line;
}

void print_lines(const std::vector<cells>& lines) {
  constexpr std::size_t name_width = 44;
  std::vector<std::size_t> widths(lines.front().size(), 6);
  widths[0] = name_width;
  for (const cells& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const cells& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - line[i].size(), ' ');
      text += i == 0 ? line[i] + padding : "  " + padding + line[i];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    std::puts(text.c_str());
  }
}

}  // namespace

std::string to_string(role is) {
  switch (is) {
    case role::floor:
      return "floor";
    case role::baseline:
      return "baseline";
    case role::ours:
      return "ours";
    case role::peer:
      return "peer";
  }
  return "";
}

const report::block* report::find(std::string_view measure) const {
  for (const block& b : blocks) {
    if (b.what.name == measure) return &b;
  }
  return nullptr;
}

const std::vector<double>* values_of(const report::block& b, std::string_view contender,
                                     std::string_view figure) {
  for (const report::row& row : b.rows) {
    if (row.contender != contender) continue;
    for (std::size_t f = 0; f < b.what.figures.size(); ++f) {
      if (b.what.figures[f].name == figure) return &row.values[f];
    }
  }
  return nullptr;
}

void print_table(const report& r) {
  for (const std::string& remark : r.remarks) std::puts(remark.c_str());
  for (const report::block& b : r.blocks) {
    if (b.rows.empty()) continue;
    std::puts("");
    std::vector<cells> lines{header_of(b)};
    for (const report::row& row : b.rows) lines.push_back(line_of(b, row));
    print_lines(lines);
  }
}

}  // namespace bench
