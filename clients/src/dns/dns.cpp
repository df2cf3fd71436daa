#include "loopbridge/clients/dns.hpp"

#include <stdexcept>

#include "dns/dns_channel.hpp"
#include "loopbridge/uv/owned.hpp"
#include "waiting.hpp"

namespace loopbridge::clients {
namespace {

using loopbridge::detail::end_of;

auto look_up(std::string host, std::chrono::nanoseconds timeout) {
  if (host.find('\0') != std::string::npos)
    throw std::invalid_argument("dns: a host's name has no NUL in it");  // c-ares would cut it
  const auto now = std::chrono::steady_clock::now();
  return [host = std::move(host), now, due = end_of(now, timeout)](detail::dns_channel& c) {
    return c.look_up(host, now, due);
  };
}

}  // namespace

dns::dns(bridge& on, dns_options options)
    : timeout_(loopbridge::detail::in_nanoseconds(options.timeout)),
      peer_(detail::peer_of(options)),
      channel_(std::make_unique<owned<detail::dns_channel>>(
          on, [&](loop_ref loop) { return detail::dns_channel(loop, options); })) {}

dns::~dns() = default;

dns::addresses dns::call_within(std::chrono::nanoseconds timeout, std::string host,
                                std::source_location where) {
  return call_in_time(*channel_, timeout, peer_, look_up(std::move(host), timeout), where);
}

eventual<dns::addresses> dns::submit_within(std::chrono::nanoseconds timeout, std::string host,
                                            std::source_location where) {
  return channel_->submit(look_up(std::move(host), timeout), where);
}

}  // namespace loopbridge::clients
