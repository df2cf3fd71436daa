#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "loopbridge/errors.hpp"

namespace loopbridge::clients {

namespace detail {
struct reply_access;
}

/// What was asked of an answer is not what it holds: integer() of a text, say. The message says
/// both.
class redis_wrong_kind : public error {
 public:
  using error::error;
};

/// An answer of Redis: a plain value that owns what it holds. Bytes may be any.
///
/// An answer that is an error is thrown (`redis_error`) and is no value. Inside an array it is one,
/// as EXEC in a script answers: of the kind `error`.
///
/// Thread   any, like a std::string
/// Throws   what reads throws `redis_wrong_kind` where the answer is of another kind
class redis_reply {
 public:
  enum class kind : unsigned char {
    nothing,  ///< nil: there is no such key, or no element came in time
    status,   ///< "OK", say
    integer,
    text,  ///< a value
    array,
    error,  ///< in arrays only
  };

  redis_reply() noexcept = default;  ///< nil

  kind type() const noexcept { return kind_; }
  bool is_nil() const noexcept { return kind_ == kind::nothing; }

  /// Of a text or a status. Moved out of an answer that ends, as in `r.call({"GET", k}).text()`.
  const std::string& text() const& { return readable_text(); }
  std::string text() && {
    readable_text();
    return std::move(text_);
  }
  std::int64_t integer() const;
  const std::vector<redis_reply>& array() const&;
  std::vector<redis_reply> array() &&;
  /// The error's message: its kind in capitals, then words, as in "WRONGTYPE Operation against...".
  const std::string& error() const&;

 private:
  friend detail::reply_access;

  const std::string& readable_text() const;
  [[noreturn]] void throw_wrong_kind(const char* wanted) const;

  std::string text_;
  std::vector<redis_reply> array_;
  std::int64_t integer_ = 0;
  kind kind_ = kind::nothing;
};

}  // namespace loopbridge::clients
