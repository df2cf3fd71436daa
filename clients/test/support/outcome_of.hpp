#pragma once

#include <optional>

#include "loopbridge/clients/request_error.hpp"

namespace support {

/// What became of the request that `call` makes; nothing: it was answered.
std::optional<loopbridge::clients::outcome> outcome_of(const auto& call) {
  try {
    call();
  } catch (const loopbridge::clients::request_error& e) {
    return e.result();
  }
  return std::nullopt;
}

}  // namespace support
