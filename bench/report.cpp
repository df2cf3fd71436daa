#include "report.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

#include "statistics.hpp"

namespace bench {
namespace {

using cells = std::vector<std::string>;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
  return text;
}

/// "ours is 1.90x faster, in 9 of 9 rounds": the last part says how far to trust the first.
std::string verdict(const comparison& c, better direction) {
  const double factor = direction == better::lower ? 1 / c.ratio : c.ratio;
  const bool faster = factor >= 1;
  const std::size_t rounds = faster ? c.rounds_won : c.rounds - c.rounds_won;
  return "ours is " + number(faster ? factor : 1 / factor) + "x " + (faster ? "faster" : "slower") +
         ", in " + std::to_string(rounds) + " of " + std::to_string(c.rounds) + " rounds";
}

cells header_of(const report& r) {
  cells header{"", "unit", "better is", r.contenders.front()};
  for (std::size_t i = 1; i < r.contenders.size(); ++i) {
    header.push_back(r.contenders[i]);
    header.push_back("ratio");
  }
  header.push_back("verdict");
  return header;
}

cells line_of(const report::row& row) {
  const std::vector<double>& baseline = row.values.front();
  cells line{row.what.name, row.what.unit, row.what.direction == better::lower ? "lower" : "higher",
             number(median(baseline))};
  for (std::size_t i = 1; i < row.values.size(); ++i) {
    const comparison c = compare(row.values[i], baseline, row.what.direction);
    line.push_back(number(c.median));
    line.push_back(number(c.ratio));
  }
  line.push_back(verdict(compare(row.values[1], baseline, row.what.direction), row.what.direction));
  return line;
}

void print_line(const cells& line, const std::vector<std::size_t>& widths) {
  constexpr std::size_t first_number = 3;
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::string padding(widths[i] - line[i].size(), ' ');
    const bool to_the_right = i >= first_number && i + 1 < line.size();
    text += to_the_right ? padding + line[i] : line[i] + padding;
    text += "  ";
  }
  text.erase(text.find_last_not_of(' ') + 1);
  std::puts(text.c_str());
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace

void print_table(const report& r) {
  for (const std::string& remark : r.remarks) std::puts(remark.c_str());
  std::puts("");
  std::vector<cells> lines{header_of(r)};
  for (const report::row& row : r.rows) lines.push_back(line_of(row));
  std::vector<std::size_t> widths(lines.front().size());
  for (const cells& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const cells& line : lines) print_line(line, widths);
}

void print_json(const report& r) {
  std::puts("{\"remarks\": [");
  for (std::size_t i = 0; i < r.remarks.size(); ++i) {
    std::printf("%s  %s", i != 0 ? ",\n" : "", quoted(r.remarks[i]).c_str());
  }
  std::puts("],\n\"rows\": [");
  for (std::size_t i = 0; i < r.rows.size(); ++i) {
    const report::row& row = r.rows[i];
    std::printf("%s  {\"name\": %s, \"unit\": %s, \"better\": \"%s\", \"rounds\": {",
                i != 0 ? ",\n" : "", quoted(row.what.name).c_str(), quoted(row.what.unit).c_str(),
                row.what.direction == better::lower ? "lower" : "higher");
    for (std::size_t c = 0; c < row.values.size(); ++c) {
      std::printf("%s\n    %s: [", c != 0 ? "," : "", quoted(r.contenders[c]).c_str());
      for (std::size_t v = 0; v < row.values[c].size(); ++v) {
        std::printf("%s%.6g", v != 0 ? ", " : "", row.values[c][v]);
      }
      std::printf("]");
    }
    std::printf("}}");
  }
  std::puts("\n]}");
}

}  // namespace bench
