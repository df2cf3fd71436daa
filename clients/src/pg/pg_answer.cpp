#include <libpq-fe.h>

#include <cstdlib>
#include <stdexcept>

#include "loopbridge/clients/pg_query.hpp"

namespace loopbridge::clients {
namespace {

PGresult* of(const std::shared_ptr<void>& result) {
  return static_cast<PGresult*>(result.get());
}

}  // namespace

std::size_t pg_answer::rows() const noexcept {
  return static_cast<std::size_t>(PQntuples(of(result_)));
}

std::size_t pg_answer::columns() const noexcept {
  return static_cast<std::size_t>(PQnfields(of(result_)));
}

std::uint64_t pg_answer::affected() const noexcept {
  return std::strtoull(PQcmdTuples(of(result_)), nullptr, 10);
}

std::optional<std::string_view> pg_answer::at(std::size_t row, std::size_t column) const {
  if (row >= rows() || column >= columns())
    throw std::out_of_range("row " + std::to_string(row) + ", column " + std::to_string(column) +
                            " of an answer with " + std::to_string(rows()) + " rows of " +
                            std::to_string(columns()) + " columns");
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  if (PQgetisnull(of(result_), r, c) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(of(result_), r, c),
                          static_cast<std::size_t>(PQgetlength(of(result_), r, c)));
}

std::string pg_answer::name(std::size_t column) const {
  const char* const found = PQfname(of(result_), static_cast<int>(column));
  if (found == nullptr)
    throw std::out_of_range("column " + std::to_string(column) + " of an answer with " +
                            std::to_string(columns()));
  return found;
}

std::size_t pg_answer::column(const std::string& name) const {
  for (std::size_t n = 0; n < columns(); ++n) {
    if (name == PQfname(of(result_), static_cast<int>(n))) return n;
  }
  throw std::out_of_range("the answer has no column '" + name + "'");
}

}  // namespace loopbridge::clients
