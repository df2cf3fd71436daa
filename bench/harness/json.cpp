#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "report.hpp"
#include "targets.hpp"

namespace bench {
namespace {

std::string text(const std::string& s) {
  std::string result = "\"";
  for (const char c : s) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%.6g", value);
  return digits;
}

/// [a, b, c] of whatever `one` makes of each.
template <class All, class One>
std::string list(const All& all, const char* between, One&& one) {
  std::string result;
  for (const auto& each : all) result += (result.empty() ? "" : between) + one(each);
  return '[' + result + ']';
}

std::string of_row(const report::row& row, const measure_info& what) {
  std::string values;
  for (std::size_t f = 0; f < what.figures.size(); ++f) {
    if (f > 0) values += ", ";
    values += text(what.figures[f].name) + ": " + list(row.values[f], ", ", number);
  }
  return "{\"contender\": " + text(row.contender) + ", \"role\": " + text(to_string(row.is)) +
         ", \"rounds\": {" + values + "}}";
}

std::string of_block(const report::block& b) {
  const std::string figures = list(b.what.figures, ", ", [](const figure& f) {
    return "{\"name\": " + text(f.name) + ", \"unit\": " + text(f.unit) +
           ", \"better\": " + (f.direction == better::lower ? "\"lower\"" : "\"higher\"") + '}';
  });
  return "{\"name\": " + text(b.what.name) + ",\n \"figures\": " + figures + ",\n \"rows\": " +
         list(b.rows, ",\n  ", [&](const report::row& row) { return of_row(row, b.what); }) + '}';
}

std::string of_verdict(const verdict& v) {
  const target& t = *v.of;
  return "{\"goal\": " + text(t.goal) + ", \"contender\": " + text(t.contender) +
         ", \"measure\": " + text(t.measure) + ", \"figure\": " + text(t.figure) +
         ", \"beside\": " + text(v.against) +
         ", \"relation\": " + (t.relation == target::at_most ? "\"<=\"" : "\">=\"") +
         ", \"limit\": " + number(t.limit) + ", \"measured\": " + number(v.measured) +
         ", \"verdict\": " + text(v.word()) + '}';
}

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  char date[32];
  std::strftime(date, sizeof(date), "%Y-%m-%d", std::gmtime(&seconds));
  return date;
}

}  // namespace

void write_json(const report& r, const std::vector<verdict>& verdicts, const std::string& file) {
  std::ofstream out(file);
  out << "{\"date\": " << text(now()) << ",\n\"remarks\": " << list(r.remarks, ",\n ", text)
      << ",\n\"measures\": " << list(r.blocks, ",\n", of_block)
      << ",\n\"targets\": " << list(verdicts, ",\n ", of_verdict) << "}\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace bench
