#pragma once

#include <uv.h>

#include <string>
#include <system_error>

namespace loopbridge {

/// libuv's codes (negative, as its functions return them) with their texts; they compare equal to
/// the std::errc that they stand for. Any thread.
inline const std::error_category& uv_category() noexcept {
  static const struct final_category final : std::error_category {
    const char* name() const noexcept override { return "libuv"; }
    std::string message(int code) const override {
      return std::string(uv_err_name(code)) + ": " + uv_strerror(code);
    }
    std::error_condition default_error_condition(int code) const noexcept override {
      // The codes that stand for no errno of this system's are below all that do.
      if (code > -1000) return {-code, std::generic_category()};
      return {code, *this};
    }
  } category;
  return category;
}

namespace detail {
[[noreturn]] inline void throw_uv_error(int code, const std::string& what) {
  throw std::system_error(code, uv_category(), "loopbridge: " + what);
}
}  // namespace detail
}  // namespace loopbridge
