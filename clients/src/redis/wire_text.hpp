#pragma once

#include <span>
#include <string>
#include <string_view>

namespace loopbridge::clients::detail {

/// A command as Redis is sent it, whatever it is: redis_command refuses some.
std::string wire_text(std::span<const std::string_view> words);

}  // namespace loopbridge::clients::detail
