#pragma once

#include <uv.h>

#include <string>
#include <system_error>

namespace loopbridge {

/// The category of libuv's error codes (negative, as its functions return them), with their texts.
/// The codes compare equal to the std::errc that they stand for.
/// Thread   any
const std::error_category& uv_category() noexcept;

namespace detail {
[[noreturn]] void throw_uv_error(int code, const std::string& what);
}
}  // namespace loopbridge
