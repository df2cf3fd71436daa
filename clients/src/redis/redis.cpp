#include "loopbridge/clients/redis.hpp"

#include <utility>

#include "redis/connection.hpp"

namespace loopbridge::clients {
namespace {

/// A waiter's own deadline is so much later: it counts only if the loop itself is blocked.
constexpr std::chrono::milliseconds net{20};

auto sending(redis_command&& command, std::chrono::nanoseconds timeout) {
  const auto now = detail::redis_request::clock::now();
  std::list<detail::redis_request> one;
  one.emplace_back(std::move(command).bytes(), now, loopbridge::detail::end_of(now, timeout));
  return
      [one = std::move(one)](detail::redis_connection& c) mutable { return c.add(std::move(one)); };
}

}  // namespace

redis::redis(bridge& b, redis_options options)
    : timeout_(options.timeout), connection_(b, [options = std::move(options)](loop_ref loop) {
        return detail::redis_connection(loop, options);
      }) {}

redis::~redis() = default;

redis_reply redis::call_within(std::chrono::nanoseconds timeout, redis_command command,
                               std::source_location where) {
  const auto wait = timeout < loopbridge::detail::for_ever - net ? timeout + net : timeout;
  return connection_.call_for(wait, sending(std::move(command), timeout), where);
}

eventual<redis_reply> redis::submit_within(std::chrono::nanoseconds timeout, redis_command command,
                                           std::source_location where) {
  return connection_.submit(sending(std::move(command), timeout), where);
}

}  // namespace loopbridge::clients
