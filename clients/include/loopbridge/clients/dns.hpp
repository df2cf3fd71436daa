#pragma once

#include <chrono>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "loopbridge/clients/request_error.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge {

template <class H>
class owned;

namespace clients {
namespace detail {
class dns_channel;
}

struct dns_options {
  /// Whom to ask: "10.0.0.1,10.0.0.2:5353,[fd00::1]:53". Empty: the system's, as /etc/resolv.conf
  /// names them when the client is made.
  std::string servers{};
  /// The deadline of a look-up that is given none.
  std::chrono::milliseconds timeout{5000};
  /// How long a server has to answer before the next one is asked, or the same one again; twice as
  /// long in each round. At most a minute.
  std::chrono::milliseconds first_try{500};
  int tries = 4;  ///< how often each server is asked: at most 10 times
};

/// The servers know no such name, or no address of it.
class no_such_name : public request_error {
 public:
  using request_error::request_error;
};

/// Looks up the addresses of names, IPv4's and IPv6's, over c-ares: /etc/hosts first, then the
/// servers. Any number of look-ups run at once, and none of them takes a thread, as each of
/// getaddrinfo's does. Addresses are text, "10.1.2.3" or "fd00::1", in the order in which they are
/// to be tried (RFC 6724), and never none. A host that is an address is its own answer.
///
///   loopbridge::clients::dns names(bridge);
///   for (const std::string& a : names.call_for(500ms, "example.org")) ...
///
/// Thread   any ordinary thread, any number at once. A task awaits what submit() gives.
/// Throws   where a look-up has failed:
///            `no_such_name`, with outcome::answered;
///            `request_timed_out`: the deadline passed. With outcome::not_sent that was before the
///            loop came to it, and no server was asked;
///            `request_error` for what else goes wrong: nothing listens there, or no server can or
///            will answer.
///          A look-up changes nothing on a server: it may be given again after any error.
///          Also `bridge_stopped`, `wrong_process`, std::bad_alloc, `would_deadlock` of what
///          blocks.
/// After the end   a look-up that is under way when the client is destroyed ends with a
///          `request_error`, and when the bridge stops, with `bridge_stopped`. The client may be
///          destroyed anywhere, also after the bridge.
class dns {
 public:
  using addresses = std::vector<std::string>;

  /// Blocks   until the loop has made it.
  /// Throws   std::invalid_argument for options that make no sense, std::system_error if c-ares
  ///          cannot start, and what calls throw.
  explicit dns(bridge& on, dns_options options = {});
  ~dns();
  dns(const dns&) = delete;
  dns& operator=(const dns&) = delete;

  /// Looks `host` up, and waits. Without a timeout: dns_options::timeout.
  ///
  /// Blocks   until there is an answer, or the time is up.
  /// Throws   also std::invalid_argument for a NUL in the name
  template <class Rep, class Period>
  addresses call_for(std::chrono::duration<Rep, Period> timeout, std::string host,
                     std::source_location where = std::source_location::current()) {
    return call_within(loopbridge::detail::in_nanoseconds(timeout), std::move(host), where);
  }
  addresses call(std::string host, std::source_location where = std::source_location::current()) {
    return call_within(timeout_, std::move(host), where);
  }

  /// Looks `host` up. The answer comes through the eventual, in time or as `request_timed_out`.
  template <class Rep, class Period>
  eventual<addresses> submit_for(std::chrono::duration<Rep, Period> timeout, std::string host,
                                 std::source_location where = std::source_location::current()) {
    return submit_within(loopbridge::detail::in_nanoseconds(timeout), std::move(host), where);
  }
  eventual<addresses> submit(std::string host,
                             std::source_location where = std::source_location::current()) {
    return submit_within(timeout_, std::move(host), where);
  }

 private:
  addresses call_within(std::chrono::nanoseconds timeout, std::string host,
                        std::source_location where);
  eventual<addresses> submit_within(std::chrono::nanoseconds timeout, std::string host,
                                    std::source_location where);

  const std::chrono::nanoseconds timeout_;
  const std::string peer_;
  const std::unique_ptr<owned<detail::dns_channel>> channel_;
};

}  // namespace clients
}  // namespace loopbridge
