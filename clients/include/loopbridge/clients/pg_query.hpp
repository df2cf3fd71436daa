#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loopbridge::clients {

/// What stands for $1, $2, ... in a query: null, a number, a bool, text, or bytes. The server reads
/// numbers and text as the type that the query wants there ("$1::int" says it where it is not
/// plain).
/// Thread   a value: any
class pg_parameter {
 public:
  pg_parameter(std::nullptr_t) noexcept {}  // NOLINT: implicit, as all of these
  pg_parameter(std::nullopt_t) noexcept {}
  pg_parameter(bool b) : value_(b ? "t" : "f") {}
  template <std::integral Number>
  pg_parameter(Number number) : value_(std::to_string(number)) {}
  /// In as many digits as tell it from all others.
  template <std::floating_point Number>
  pg_parameter(Number number) : value_(std::string(64, '\0')) {
    value_->resize(static_cast<std::size_t>(
        std::to_chars(value_->data(), value_->data() + value_->size(), number).ptr -
        value_->data()));
  }
  pg_parameter(const char* text) : value_(text) {}
  pg_parameter(std::string_view text) : value_(text) {}
  pg_parameter(std::string text) : value_(std::move(text)) {}
  template <class T>
  pg_parameter(const std::optional<T>& value) {
    if (value) *this = pg_parameter(*value);
  }

  /// In the server's binary format: for a bytea, any bytes at all.
  static pg_parameter bytes(std::string value) {
    pg_parameter p(std::move(value));
    p.binary_ = true;
    return p;
  }

  /// Empty: null.
  const std::optional<std::string>& value() const noexcept { return value_; }
  bool is_binary() const noexcept { return binary_; }

 private:
  std::optional<std::string> value_;
  bool binary_ = false;
};

namespace detail {
/// Throws std::invalid_argument where a parameter of this size is too large for libpq.
void check_parameter_size(std::size_t bytes);
}  // namespace detail

/// A query, which is one statement, and its parameters.
struct pg_query {
  pg_query(std::string query, std::vector<pg_parameter> values = {})  // NOLINT: implicit
      : text(std::move(query)), parameters(std::move(values)) {}
  pg_query(const char* query, std::vector<pg_parameter> values = {})  // NOLINT: implicit
      : pg_query(std::string(query), std::move(values)) {}

  std::string text;
  std::vector<pg_parameter> parameters;
  /// The columns of the answer in the server's binary format, a bytea as its bytes. Else as text.
  bool binary = false;
};

/// What the server answered: rows of columns, or how many rows a command has changed. A value, of
/// which copies are cheap: they share what libpq has read.
///
/// Thread   any, and several at once
/// Throws   std::out_of_range for a row or a column that is not there
class pg_answer {
 public:
  /// `result`: a PGresult, which the answers free when the last of them goes.
  explicit pg_answer(std::shared_ptr<void> result) noexcept : result_(std::move(result)) {}

  std::size_t rows() const noexcept;
  std::size_t columns() const noexcept;
  /// Of an INSERT, UPDATE, DELETE and such; of a SELECT how many it gave. Else 0.
  std::uint64_t affected() const noexcept;

  /// The value; empty: null. The text or bytes are good as long as a copy of this answer.
  std::optional<std::string_view> at(std::size_t row, std::size_t column) const;
  std::optional<std::string_view> at(std::size_t row, const std::string& column) const {
    return at(row, this->column(column));
  }

  std::string name(std::size_t column) const;
  /// The number of the column of this name, which is in lower case unless the query quoted it.
  std::size_t column(const std::string& name) const;

 private:
  std::shared_ptr<void> result_;
};

}  // namespace loopbridge::clients
