#pragma once

#include <uv.h>

#include <string>
#include <system_error>

namespace loopbridge {

/// libuv's codes (negative, as its functions return them) with their texts; they compare equal to
/// the std::errc that they stand for. Any thread.
const std::error_category& uv_category() noexcept;

namespace detail {
[[noreturn]] void throw_uv_error(int code, const std::string& what);
}
}  // namespace loopbridge
