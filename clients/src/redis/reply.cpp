#include <array>

#include "loopbridge/clients/redis_reply.hpp"

namespace loopbridge::clients {

void redis_reply::throw_wrong_kind(const char* wanted) const {
  static constexpr std::array<const char*, 6> names = {"nil",    "a status", "an integer",
                                                       "a text", "an array", "an error"};
  std::string message = std::string("redis: the answer is no ") + wanted + " but " +
                        names[static_cast<std::size_t>(kind_)];
  if (kind_ == kind::error) message += ": " + text_;
  throw redis_wrong_kind(message);
}

const std::string& redis_reply::readable_text() const {
  if (kind_ != kind::text && kind_ != kind::status) throw_wrong_kind("text");
  return text_;
}

std::int64_t redis_reply::integer() const {
  if (kind_ != kind::integer) throw_wrong_kind("integer");
  return integer_;
}

const std::vector<redis_reply>& redis_reply::array() const& {
  if (kind_ != kind::array) throw_wrong_kind("array");
  return array_;
}

std::vector<redis_reply> redis_reply::array() && {
  if (kind_ != kind::array) throw_wrong_kind("array");
  return std::move(array_);
}

const std::string& redis_reply::error() const& {
  if (kind_ != kind::error) throw_wrong_kind("error");
  return text_;
}

}  // namespace loopbridge::clients
