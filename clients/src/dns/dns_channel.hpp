#pragma once

#include <ares.h>

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loopbridge/clients/deadlines.hpp"
#include "loopbridge/clients/dns.hpp"
#include "loopbridge/results/deferred.hpp"
#include "loopbridge/uv/fd_watcher.hpp"
#include "loopbridge/uv/timer.hpp"

namespace loopbridge::clients::detail {

/// The servers, in errors.
std::string peer_of(const dns_options& options);

/// A channel of c-ares, its sockets and its time on the loop. Thread: the loop's.
class dns_channel {
 public:
  using clock = std::chrono::steady_clock;
  /// Called once for each look-up, perhaps before look_up() returns, and at the latest by the
  /// channel's destructor. With an error, or else with addresses. It must not destroy the channel.
  using answered = std::function<void(std::exception_ptr, dns::addresses)>;

  dns_channel(loop_ref loop, const dns_options& options);
  ~dns_channel();
  dns_channel(const dns_channel&) = delete;
  dns_channel& operator=(const dns_channel&) = delete;

  void look_up(std::string host, clock::time_point since, clock::time_point due, answered then);
  deferred<dns::addresses> look_up(std::string host, clock::time_point since,
                                   clock::time_point due);

 private:
  struct query;
  /// What c-ares wants to be told of this socket: of nothing before it closes it.
  void watch(ares_socket_t fd, fd_interest what);
  void process(ares_socket_t readable, ares_socket_t writable);
  /// After whatever may have changed when c-ares wants to be called for the time alone.
  void arm();
  void end(query& q, int status, const ares_addrinfo* found);

  const loop_ref loop_;
  const std::string peer_;
  ares_channel channel_ = nullptr;
  /// Of c-ares' own time: when a server has had its try.
  timer timer_;
  deadlines<query> deadlines_;
  std::map<ares_socket_t, std::unique_ptr<fd_watcher>> watchers_;
  bool watches_all_ = true;  ///< false: there was no memory for one of them
};

}  // namespace loopbridge::clients::detail
