#include "loopbridge/clients/request_error.hpp"

#include <array>

namespace loopbridge::clients {
namespace {

std::string text_of(outcome result, std::string_view peer, phase reached,
                    std::chrono::nanoseconds after, std::string_view why) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(after).count();
  std::string text(peer);
  text.append(": ").append(why).append(", while ").append(name_of(reached));
  text.append(", after ").append(std::to_string(ms)).append(" ms; ").append(name_of(result));
  return text;
}

}  // namespace

request_error::request_error(outcome result, std::string_view peer, clients::phase reached,
                             std::chrono::nanoseconds after, std::string_view why)
    : error(text_of(result, peer, reached, after, why)),
      result_(result),
      phase_(reached),
      after_(after) {}

std::string_view name_of(outcome result) noexcept {
  static constexpr std::array<std::string_view, 3> names = {
      "the request was not sent", "the request may have been executed", "the server answered so"};
  return names[static_cast<std::size_t>(result)];
}

std::string_view name_of(phase reached) noexcept {
  static constexpr std::array<std::string_view, 6> names = {
      "queued",     "resolving the name",     "connecting",
      "logging in", "waiting for the answer", "reading the answer"};
  return names[static_cast<std::size_t>(reached)];
}

}  // namespace loopbridge::clients
