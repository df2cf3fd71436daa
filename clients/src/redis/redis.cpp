#include "loopbridge/clients/redis.hpp"

#include <sys/un.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "redis/connection.hpp"
#include "waiting.hpp"

namespace loopbridge::clients {
namespace {

redis_options checked(redis_options o) {
  const auto refuse = [](const char* what) {
    throw std::invalid_argument(std::string("loopbridge: redis_options::") + what);
  };
  if (o.host.empty() || o.host.find('\0') != std::string::npos)
    refuse("host must be a name, an address, or the path of a socket");
  if (o.host.starts_with('/') && o.host.size() >= sizeof sockaddr_un{}.sun_path)
    refuse("host is longer than the path of a socket may be; use a link to its directory");
  if (o.port == 0) refuse("port must not be 0");
  if (o.timeout.count() <= 0) refuse("timeout must be more than 0");
  if (o.connect_timeout.count() <= 0) refuse("connect_timeout must be more than 0");
  if (o.silence.count() <= 0) refuse("silence must be more than 0");
  if (o.keepalive.count() <= 0) refuse("keepalive must be more than 0");
  return o;
}

auto sending(redis_command&& command, std::chrono::nanoseconds timeout) {
  const auto now = detail::redis_request::clock::now();
  std::list<detail::redis_request> one;
  one.emplace_back(std::move(command).bytes(), now, loopbridge::detail::end_of(now, timeout));
  return
      [one = std::move(one)](detail::redis_connection& c) mutable { return c.add(std::move(one)); };
}

}  // namespace

redis::redis(bridge& b, redis_options options)
    : timeout_(loopbridge::detail::in_nanoseconds(options.timeout)),
      peer_(detail::peer_of(options)),
      connection_(b, [options = checked(std::move(options))](loop_ref loop) {
        return detail::redis_connection(loop, options);
      }) {}

redis::~redis() = default;

redis_reply redis::call_within(std::chrono::nanoseconds timeout, redis_command command,
                               std::source_location where) {
  return call_in_time(connection_, timeout, peer_, sending(std::move(command), timeout), where);
}

eventual<redis_reply> redis::submit_within(std::chrono::nanoseconds timeout, redis_command command,
                                           std::source_location where) {
  return connection_.submit(sending(std::move(command), timeout), where);
}

}  // namespace loopbridge::clients
