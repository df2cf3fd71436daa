#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/redis_command.hpp"
#include "loopbridge/clients/redis_reply.hpp"
#include "loopbridge/clients/request_error.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/results/eventual.hpp"
#include "loopbridge/uv/owned.hpp"

namespace loopbridge::clients {

namespace detail {
class redis_connection;
}

struct redis_options {
  /// A name, an address, or the path of a Unix socket, which begins with '/' (`port` is not used
  /// then). A name is looked up by the system's resolver, in one of libuv's threads: a bridge that
  /// stops meanwhile waits for it. An address needs no resolver.
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  std::string user{};      ///< for AUTH; empty: the default user
  std::string password{};  ///< empty: no AUTH
  unsigned database = 0;
  /// The deadline of commands that are given none.
  std::chrono::milliseconds timeout{5000};
  /// For one attempt: the look-up of the host, connecting, AUTH, SELECT and a PING.
  std::chrono::milliseconds connect_timeout{2000};
  /// A connection is given up on which a command's deadline has passed and nothing has come for so
  /// long. (One whose peer's machine is gone is found out by the kernel, see `keepalive`.)
  std::chrono::milliseconds silence{5000};
  /// TCP keepalive begins after this, and twice this is the longest that sent bytes may stay
  /// unconfirmed.
  std::chrono::seconds keepalive{15};
};

/// The server answered with an error, and result() is outcome::answered; or it refused the log-in,
/// and the command was not sent.
class redis_error : public request_error {
 public:
  redis_error(outcome result, std::string_view peer, clients::phase reached,
              std::chrono::nanoseconds after, std::string_view answer)
      : request_error(result, peer, reached, after, answer), answer_(answer) {}

  /// As the server wrote it: a word in capitals, then a text, as in "WRONGTYPE Operation against a
  /// key holding the wrong kind of value".
  const std::string& answer() const noexcept { return answer_; }

 private:
  std::string answer_;
};

/// A client of Redis: one connection, which all threads share.
///
///   loopbridge::clients::redis r(bridge, {.host = "10.0.0.7"});
///   r.call_for(500ms, {"SET", key, bytes});
///   std::string back = r.call_for(500ms, {"GET", key}).text();
///
/// Commands are pipelined: each is sent at once, whatever others wait for. So a command that blocks
/// on the server (BLPOP) holds up all behind it: give it a client of its own. Subscriptions,
/// transactions by MULTI and TLS are out of scope; redis_command says what is refused.
///
/// The connection is made at once and, after an outage, again and again, with growing pauses up to
/// half a second. Meanwhile commands wait for it until their deadline. One that was sent and not
/// answered when the connection was lost fails with outcome::unknown and is never sent again. One
/// whose deadline passes before it is sent is not sent. A cancelled one, too.
///
/// Thread   any ordinary thread, the loop's for submit(); many at once. Constructing and destroying
///          as of loopbridge::owned: anywhere, without blocking
/// Throws   `redis_error`: the server's answer is an error, or it refused the log-in;
///          `request_timed_out`; `request_error`: the connection was lost, or the client destroyed;
///          `bridge_stopped`, `wrong_process`, `would_deadlock`, std::bad_alloc as bridge::call().
///          submit() throws what refuses it, the rest comes from the eventual
/// Order    commands of one thread are sent in its order
/// After the end   of the bridge: `bridge_stopped`. Of the client, for what is under way:
///          `request_error` with what became of it
class redis {
 public:
  /// Does not wait for the connection.
  /// Throws   std::invalid_argument for options that make no sense, and what owned's constructor
  ///          throws
  explicit redis(bridge& b, redis_options options = {});
  ~redis();

  /// Sends the command and waits for its answer, at most options::timeout.
  redis_reply call(redis_command command,
                   std::source_location where = std::source_location::current()) {
    return call_within(timeout_, std::move(command), where);
  }
  template <class Rep, class Period>
  redis_reply call_for(std::chrono::duration<Rep, Period> timeout, redis_command command,
                       std::source_location where = std::source_location::current()) {
    return call_within(loopbridge::detail::in_nanoseconds(timeout), std::move(command), where);
  }

  /// Sends the command, and gives its answer later: to co_await, too. The deadline begins now.
  eventual<redis_reply> submit(redis_command command,
                               std::source_location where = std::source_location::current()) {
    return submit_within(timeout_, std::move(command), where);
  }
  template <class Rep, class Period>
  eventual<redis_reply> submit_for(std::chrono::duration<Rep, Period> timeout,
                                   redis_command command,
                                   std::source_location where = std::source_location::current()) {
    return submit_within(loopbridge::detail::in_nanoseconds(timeout), std::move(command), where);
  }

 private:
  redis_reply call_within(std::chrono::nanoseconds timeout, redis_command command,
                          std::source_location where);
  eventual<redis_reply> submit_within(std::chrono::nanoseconds timeout, redis_command command,
                                      std::source_location where);

  std::chrono::nanoseconds timeout_;
  std::string peer_;
  owned<detail::redis_connection> connection_;
};

}  // namespace loopbridge::clients
