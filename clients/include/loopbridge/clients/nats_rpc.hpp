#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "loopbridge/clients/nats.hpp"

namespace loopbridge::clients {

/// The function of the far side threw; the message has what. outcome::answered.
class remote_error : public request_error {
 public:
  using request_error::request_error;
};

/// A function that is served, as long as this object is there.
///
/// Thread   any ordinary thread. The destructor never blocks: requests that have come and not begun
///          are not answered. So drain first.
class nats_service {
 public:
  nats_service() noexcept = default;

  /// Takes no more requests, and waits until all that have come are answered, and the answers sent.
  ///
  /// Blocks   until then, or until the time is up.
  /// Throws   `timed_out`: it may be called again; `would_deadlock` on the function's loop.
  void drain_for(std::chrono::milliseconds timeout);

 private:
  friend class nats_rpc;
  struct state;

  std::shared_ptr<state> state_;
  nats_subscription subscription_;
};

/// Calls between processes and machines, through a NATS server.
///
///   nats_rpc rpc(bridge, {.servers = {"nats://127.0.0.1:4222"}});
///   auto s = rpc.serve("upper", [](std::string text) { return to_upper(text); });
///   ... and in another process:
///   rpc.remote_call_for(500ms, "upper", "hello");
///
/// A request is executed at most once: it goes to one of those that serve the subject, once, and no
/// layer sends it again. What became of one that failed, its error says:
///
///   no_responders      not executed: nobody serves the subject now
///   request_timed_out  with outcome::not_sent not executed. With outcome::unknown: executed, or
///                      not, or still running
///   remote_error       executed; it threw
///
/// Thread   any ordinary thread. The destructor never blocks. The connection lasts as long as there
///          are services.
class nats_rpc {
 public:
  /// Throws   as nats's constructor
  explicit nats_rpc(bridge& on, nats_options options = {});

  /// Runs `f(request)` on the bridge for requests from anywhere. Of all that serve the subject with
  /// the same queue's name, one gets each request.
  ///
  /// `f`      takes a std::string and returns one, or a deferred or task of one: then several
  ///          requests may be under way at once. What it throws is the caller's remote_error. It is
  ///          copied for each request. An answer that is longer than the server's max_payload (1 MB
  ///          unless configured) is not sent: options::on_unhandled_error is told, and the caller's
  ///          time runs out.
  /// Throws   std::invalid_argument for a subject that makes no sense; `bridge_stopped`
  template <class F>
  nats_service serve(std::string subject, F f, std::string queue = "rpc") {
    return serve_on(*bridge_, std::move(subject), std::move(f), std::move(queue));
  }
  /// The same, on another bridge, which must outlive the service.
  template <class F>
  nats_service serve_on(bridge& where, std::string subject, F f, std::string queue = "rpc") {
    static_assert(std::is_invocable_v<F&, std::string>,
                  "the function takes a std::string: the request");
    return start(
        where, std::move(subject),
        [&where, served = std::move(f)](std::string request) -> eventual<std::string> {
          auto answer = where.submit(
              [served, given = std::move(request)]() mutable { return served(std::move(given)); });
          static_assert(std::is_same_v<decltype(answer), eventual<std::string>>,
                        "the function returns a std::string, or a deferred or task of one");
          return answer;
        },
        std::move(queue));
  }

  /// Has `request` served somewhere, and returns the answer.
  ///
  /// Throws   no_responders, request_timed_out, remote_error, request_error; `would_deadlock` on
  ///          the loop's thread, `bridge_stopped`; std::invalid_argument
  template <class Rep, class Period>
  std::string remote_call_for(std::chrono::duration<Rep, Period> timeout, std::string subject,
                              std::string request,
                              std::source_location where = std::source_location::current()) {
    const auto since = std::chrono::steady_clock::now();
    return answer_of(nats_->request_for(timeout, message(subject, std::move(request)), where),
                     subject, since);
  }
  /// The same; the answer comes later.
  eventual<std::string> remote_submit_for(
      std::chrono::nanoseconds timeout, std::string subject, std::string request,
      std::source_location where = std::source_location::current());

  /// The connection, for messages of other kinds.
  nats& connection() noexcept { return *nats_; }

 private:
  using function = std::function<eventual<std::string>(std::string)>;

  static nats_message message(const std::string& subject, std::string&& data);
  static std::string answer_of(nats_message&& answer, const std::string& subject,
                               std::chrono::steady_clock::time_point since);
  nats_service start(bridge& where, std::string subject, function f, std::string queue);

  bridge* bridge_;
  std::shared_ptr<nats> nats_;  ///< and of the services, as long as they have to answer
};

}  // namespace loopbridge::clients
