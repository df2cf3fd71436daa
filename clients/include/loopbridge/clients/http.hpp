#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/request_error.hpp"

namespace loopbridge::clients {

using http_headers = std::vector<std::pair<std::string, std::string>>;

struct http_request {
  std::string method = "GET";
  std::string url = {};  ///< http:// or https://, with all that has to be percent-encoded encoded
  http_headers headers = {};
  std::string body = {};  ///< bytes, sent as they are; no Content-Type is added
};

struct http_response {
  int status = 0;
  http_headers headers = {};
  std::string body = {};

  /// The first header of this name, in whatever case.
  std::optional<std::string_view> header(std::string_view name) const;
};

struct http_options {
  /// The deadline of requests that are given none.
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  /// Requests to one scheme, host and port that are under way at once. More wait in a queue, which
  /// hosts that do not answer do not hold up for others.
  unsigned connections_per_host = 16;
  /// A longer answer (headers included) ends its request.
  std::size_t answer_limit = std::size_t{64} << 20;
  /// Answers of 301, 302, 303, 307 and 308 to a GET or HEAD that are followed. 0: they are given to
  /// the caller, as they always are of other methods.
  unsigned redirects = 0;
  /// The proxy's URL; empty: none, whatever the environment says.
  std::string proxy = {};
  /// A file of the authorities that are trusted for https; empty: the system's.
  std::string ca_file = {};
};

/// An HTTP client over libcurl on a bridge's loop, for any number of threads.
///
///   http web(bridge);
///   const http_response page = web.get("https://example.org/");
///
/// A status such as 404 is an answer, not an error. A request is sent at most once, a GET too:
/// curl's own second attempt, where a kept connection turns out to be dead, is suppressed. A
/// request that fails throws a request_error, which says whether it was sent. Connections are kept
/// for later requests.
///
/// Thread   any ordinary thread. The destructor: any, the loop's too; it never blocks. Requests
///          that are under way then fail.
/// Throws   std::invalid_argument for a request that makes no sense: before anything is sent.
///          `bridge_stopped` and what else bridge::submit() throws.
class http {
 public:
  /// Throws   std::invalid_argument for options that make no sense; `bridge_stopped`.
  explicit http(bridge& on, http_options options = {});
  ~http();
  http(http&&) noexcept;
  http& operator=(http&&) noexcept;

  /// Sends a request and waits for the whole answer, for as long as http_options::timeout.
  ///
  /// Throws   request_timed_out, request_error, `would_deadlock` on the loop's thread,
  ///          `bridge_stopped`.
  http_response get(std::string url, std::source_location where = std::source_location::current());
  http_response post(std::string url, std::string body, std::string content_type,
                     std::source_location where = std::source_location::current());
  http_response call(http_request request,
                     std::source_location where = std::source_location::current());
  /// call() with a deadline of its own.
  template <class Rep, class Period>
  http_response call_for(std::chrono::duration<Rep, Period> timeout, http_request request,
                         std::source_location where = std::source_location::current()) {
    return call_within(loopbridge::detail::in_nanoseconds(timeout), std::move(request), where);
  }

  /// Sends a request; its answer, or request_error, comes later. Cancelling the eventual ends the
  /// transfer, and closes its connection if the request was sent. A coroutine awaits it.
  ///
  /// Thread   any ordinary thread, the loop's too.
  eventual<http_response> submit(http_request request,
                                 std::source_location where = std::source_location::current());
  template <class Rep, class Period>
  eventual<http_response> submit_for(std::chrono::duration<Rep, Period> timeout,
                                     http_request request,
                                     std::source_location where = std::source_location::current()) {
    return submit_within(loopbridge::detail::in_nanoseconds(timeout), std::move(request), where);
  }

 private:
  struct impl;

  http_response call_within(std::chrono::nanoseconds timeout, http_request&& request,
                            std::source_location where);
  eventual<http_response> submit_within(std::chrono::nanoseconds timeout, http_request&& request,
                                        std::source_location where);

  std::unique_ptr<impl> impl_;
};

}  // namespace loopbridge::clients
