#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>

#include "loopbridge/errors.hpp"

namespace loopbridge::clients {

/// What became of a request that has no answer.
enum class outcome : unsigned char {
  not_sent,  ///< The server has not seen it. It may be given again.
  unknown,   ///< It was sent, in part or whole, and may have been executed. No client sends it
             ///< again.
  answered,  ///< The server received it, and answered with this error.
};

/// How far a request had come.
enum class phase : unsigned char { queued, resolving, connecting, logging_in, waiting, reading };

/// Why a request failed, with the peer, the phase and how long it had taken: "redis 127.0.0.1:6379:
/// connection refused, while connecting, after 12 ms; the request was not sent".
class request_error : public error {
 public:
  /// `peer`: the client's kind and the server, as in "redis 127.0.0.1:6379".
  request_error(outcome result, std::string_view peer, clients::phase reached,
                std::chrono::nanoseconds after, std::string_view why);

  outcome result() const noexcept { return result_; }
  clients::phase phase() const noexcept { return phase_; }
  /// From when the request was given to the client to when it failed.
  std::chrono::nanoseconds after() const noexcept { return after_; }

 private:
  outcome result_;
  clients::phase phase_;
  std::chrono::nanoseconds after_;
};

/// The request's deadline passed. With outcome::not_sent it passed while the request was still
/// queued by the client, which then does not send it. A caller that waits gets this also where a
/// callback holds the loop up, 20 ms after the deadline; what the loop never began was not sent.
class request_timed_out : public request_error {
 public:
  using request_error::request_error;
};

std::string_view name_of(outcome result) noexcept;
std::string_view name_of(phase reached) noexcept;

}  // namespace loopbridge::clients
