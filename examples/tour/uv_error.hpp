#pragma once

#include <string>
#include <system_error>

namespace tour {

/// A code of libuv's (on Unix a negated errno) as an exception: "what: No such file or directory".
inline std::system_error uv_error(int code, const std::string& what) {
  return {-code, std::generic_category(), what};
}

inline void throw_if_error(int code, const std::string& what) {
  if (code < 0) throw uv_error(code, what);
}

}  // namespace tour
