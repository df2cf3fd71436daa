#pragma once

#include <charconv>
#include <string_view>

namespace loopbridge::clients {

/// Is the port of "host:port" or "[fd00::1]:port" one that a server may have? So it is where none
/// is named. The libraries below take the lowest 16 bits of any number.
inline bool has_good_port(std::string_view address) noexcept {
  const std::size_t colon = address.rfind(':');
  const std::size_t bracket = address.rfind(']');
  const bool has_port = bracket != address.npos ? colon != address.npos && colon > bracket
                                                : address.find(':') == colon;
  if (colon == address.npos || !has_port) return true;
  const char* const end = address.data() + address.size();
  unsigned port = 0;
  const auto read = std::from_chars(address.data() + colon + 1, end, port);
  return read.ec == std::errc() && read.ptr == end && port > 0 && port <= 65535;
}

}  // namespace loopbridge::clients
