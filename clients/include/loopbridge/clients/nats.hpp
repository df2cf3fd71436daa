#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/request_error.hpp"

namespace loopbridge::clients {

class nats_link;
class nats_loop;
class nats_sub;

struct nats_message {
  std::string subject = {};
  std::string reply = {};  ///< where an answer is expected; empty: nowhere
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string data = {};

  /// The first header of exactly this name; empty if there is none.
  std::string header(const std::string& name) const;
};

struct nats_options {
  /// Tried in this order, or those that follow, when a connection is lost. A cluster's nodes. Where
  /// one is `tls://`, there is no connection to any but by TLS.
  std::vector<std::string> servers = {"nats://127.0.0.1:4222"};
  std::string user = {};
  std::string password = {};
  std::string token = {};
  std::string name = "loopbridge";  ///< shown by the server
  /// A file of the authorities that are trusted for TLS; given, there is no connection without.
  /// Empty: the system's, and TLS where the server or its URL wants it. (A server that is silent in
  /// the midst of TLS's handshake is waited for until its connection breaks: nats.c has no deadline
  /// there. Requests have theirs.)
  std::string ca_file = {};
  /// The deadline of requests and publications that are given none, and of a write to a server
  /// that takes nothing.
  std::chrono::milliseconds timeout = std::chrono::seconds(5);
  /// Of one server, until it has let us in.
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(1);
  /// A server that has not answered two of these is given up.
  std::chrono::milliseconds ping_interval = std::chrono::seconds(2);
  /// Messages that wait for a subscription's bridge (more are dropped, and counted), and that wait
  /// to be sent or answered (more are refused).
  std::size_t waiting_limit = 65536;
};

/// Nobody is subscribed where the request went: the server says so at once. Nobody has executed it.
class no_responders : public request_error {
 public:
  using request_error::request_error;
};

/// Messages of one subject, as long as this object is there. A connection that is lost and made
/// again subscribes anew; what is published meanwhile is missed.
///
/// Thread   any ordinary thread. Destroyed on the thread of the handler's bridge, also in the
///          handler itself, no message comes any more. Destroyed elsewhere, the handler may be
///          running, and is called no more after that.
class nats_subscription {
 public:
  nats_subscription() noexcept = default;
  ~nats_subscription() { end(); }
  nats_subscription(nats_subscription&& other) noexcept = default;
  nats_subscription& operator=(nats_subscription&& other) noexcept {
    if (this != &other) {
      end();
      link_ = std::move(other.link_);
      sub_ = std::move(other.sub_);
    }
    return *this;
  }

  /// How many messages were dropped, as nats_options::waiting_limit was reached.
  std::uint64_t dropped() const noexcept;

  /// Lets the server send no more, has all handled that has come, and ends the subscription.
  ///
  /// Blocks   until the handler has returned from the last message, or the time is up.
  /// Throws   `timed_out`: it may be called again; `would_deadlock` on the handler's loop.
  void drain_for(std::chrono::milliseconds timeout);

 private:
  friend class nats;
  nats_subscription(std::shared_ptr<nats_link> link, std::shared_ptr<nats_sub> sub) noexcept
      : link_(std::move(link)), sub_(std::move(sub)) {}
  void end() noexcept;

  std::shared_ptr<nats_link> link_;
  std::shared_ptr<nats_sub> sub_;
};

/// A client of NATS for any number of threads, over nats.c.
///
///   nats n(bridge, {.servers = {"nats://127.0.0.1:4222"}});
///   auto s = n.subscribe("news", [](const nats_message& m) { ... });  // on the bridge's loop
///   n.publish({.subject = "news", .data = "hello"});
///   const nats_message answer = n.request_for(500ms, {.subject = "time"});
///
/// Core NATS delivers at most once: to whom is subscribed and connected now. A message is handed to
/// one connection once; a request that may have been executed is never sent again. Messages that
/// wait for a connection wait until their deadline.
///
/// Connecting, writing and reading happen on threads of nats.c's and one of the client's own, so
/// that neither a name that is looked up slowly nor a server that is frozen holds up the loop.
///
/// Thread   any ordinary thread, the loop's too unless a function blocks. The destructor: any; it
///          never blocks. What waits then fails.
/// Throws   std::invalid_argument for a subject or header that makes no sense; `bridge_stopped` and
///          what else bridge::submit() throws.
class nats {
 public:
  using handler = std::function<void(nats_message)>;

  /// Begins to connect, and to connect again whenever the connection is lost. Does not wait.
  ///
  /// Throws   std::invalid_argument for options that make no sense; `bridge_stopped`,
  ///          std::system_error (no thread).
  explicit nats(bridge& on, nats_options options = {});
  ~nats();
  nats(nats&&) noexcept;
  nats& operator=(nats&&) noexcept;

  /// Sends a message, when there is a connection. What comes of it is reported only if it fails: to
  /// options::on_unhandled_error.
  void publish(nats_message message, std::source_location where = std::source_location::current());
  /// The same; the eventual is ready when the message is on its way to the server.
  /// It fails with request_error, or request_timed_out after nats_options::timeout.
  eventual<void> submit_publish(nats_message message,
                                std::source_location where = std::source_location::current());

  /// Waits until the server has taken what was published, and subscribed, before.
  /// Throws   request_timed_out, request_error, `would_deadlock` on the loop's thread
  template <class Rep, class Period>
  void flush_for(std::chrono::duration<Rep, Period> timeout,
                 std::source_location where = std::source_location::current()) {
    flush_within(loopbridge::detail::in_nanoseconds(timeout), where);
  }

  /// Sends a request and waits for its first answer. `reply` of the request is not used.
  ///
  /// Throws   no_responders, request_timed_out, request_error, `would_deadlock` on the loop's
  ///          thread, `bridge_stopped`.
  template <class Rep, class Period>
  nats_message request_for(std::chrono::duration<Rep, Period> timeout, nats_message request,
                           std::source_location where = std::source_location::current()) {
    return request_within(loopbridge::detail::in_nanoseconds(timeout), std::move(request), where);
  }
  /// The same; the answer comes later. Cancelled before it was sent, it is not sent.
  eventual<nats_message> submit_request(
      nats_message request, std::source_location where = std::source_location::current());
  template <class Rep, class Period>
  eventual<nats_message> submit_request_for(
      std::chrono::duration<Rep, Period> timeout, nats_message request,
      std::source_location where = std::source_location::current()) {
    return submit_request_within(loopbridge::detail::in_nanoseconds(timeout), std::move(request),
                                 where);
  }

  /// Calls `f` with each message of `subject`, which may have wildcards, on the client's bridge or
  /// on another. Of those that subscribe with the same queue's name, one gets each message.
  ///
  /// `f`      is called on that bridge's loop, in the order in which messages come. What it throws
  ///          goes to options::on_unhandled_error. It is destroyed on any thread, soon after its
  ///          subscription.
  nats_subscription subscribe(std::string subject, handler f, std::string queue = {});
  nats_subscription subscribe_on(bridge& where, std::string subject, handler f,
                                 std::string queue = {});

  /// Is there a connection now? A hint: the next moment it may be lost.
  bool is_connected() const noexcept;

 private:
  struct impl;

  nats_subscription subscribe_to(std::shared_ptr<nats_loop> loop, std::string subject, handler f,
                                 std::string queue);
  void flush_within(std::chrono::nanoseconds timeout, std::source_location where);
  nats_message request_within(std::chrono::nanoseconds timeout, nats_message&& request,
                              std::source_location where);
  eventual<nats_message> submit_request_within(std::chrono::nanoseconds timeout,
                                               nats_message&& request, std::source_location where);

  std::unique_ptr<impl> impl_;
};

}  // namespace loopbridge::clients
