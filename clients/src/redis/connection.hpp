#pragma once

#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "descriptor.hpp"
#include "loopbridge/clients/backoff.hpp"
#include "loopbridge/clients/deadlines.hpp"
#include "loopbridge/clients/redis.hpp"
#include "loopbridge/results/deferred.hpp"
#include "loopbridge/uv/fd_watcher.hpp"
#include "loopbridge/uv/timer.hpp"
#include "redis/connector.hpp"
#include "redis/reply_reader.hpp"

namespace loopbridge::clients::detail {

/// The server, in errors.
std::string peer_of(const redis_options& options);

/// A command under way. Made by its caller, as the one element of a list: to queue it and to send
/// it takes no memory, and it stays where it is, which `deadlines` needs.
struct redis_request {
  using clock = std::chrono::steady_clock;

  std::string bytes;
  clock::time_point since;
  clock::time_point due;
  completer<redis_reply> done{};
  deadlines<redis_request>::entry entry{};
  std::list<redis_request>::iterator self{};
  bool sent = false;  ///< in part at least
  bool late = false;  ///< its deadline passed after it was sent: its answer is for nobody
};

/// The connection of a client, again and again. Thread: the loop's.
///
/// stage_ goes from `connecting` to `logging_in` to `waiting` (for answers), and from each of these
/// to `queued`, where commands wait for the next attempt.
class redis_connection {
 public:
  redis_connection(loop_ref loop, redis_options options);
  /// What is under way fails.
  ~redis_connection();

  deferred<redis_reply> add(std::list<redis_request>&& one);

 private:
  using clock = redis_request::clock;
  using requests = std::list<redis_request>;

  // Its life: connection.cpp.
  void connect();
  void log_in(descriptor connected);
  void take_log_in_answer(const redis_reply& answer);
  void lost(const std::string& why);
  phase reached() const noexcept;

  // The commands on it: pipeline.cpp.
  void on_ready(const fd_events& events);
  /// Not where commands wait for room in the socket: the watcher tells when there is some.
  bool may_write() const noexcept {
    return stage_ == phase::waiting && watched_ == fd_interest::read;
  }
  void write(clock::time_point now);
  std::size_t gather(std::span<iovec> parts, clock::time_point now);
  void written(std::size_t size, clock::time_point now);
  bool has_rest() const noexcept { return !sent_.empty() && offset_ < sent_.back().bytes.size(); }
  void watch(fd_interest interest);
  void read();
  void take(redis_reply answer);

  void on_deadline(redis_request& r);
  void fail_all(requests& of, outcome result, phase during, std::string_view why);
  template <class Error>
  void fail(redis_request& r, outcome result, phase during, std::string_view why);

  const redis_options options_;
  const std::string peer_;
  const loop_ref loop_;

  phase stage_ = phase::queued;
  std::string failure_;          ///< why the last connection ended, or attempt to make one
  unsigned log_in_answers_ = 0;  ///< that are still to come
  backoff backoff_;
  requests queue_;             ///< nothing of these is sent
  requests sent_;              ///< the server answers in this order
  std::size_t offset_ = 0;     ///< how much of the last of sent_ is written
  clock::time_point heard_{};  ///< when something came last, or began to be waited for
  deadlines<redis_request> deadlines_;
  timer timer_;  ///< for the connection as a whole: the end of an attempt, or the next one
  timer end_of_turn_;

  std::unique_ptr<connector> connector_;
  descriptor socket_;
  std::optional<fd_watcher> watcher_;  ///< ends before the descriptor
  fd_interest watched_ = fd_interest::none;
  std::optional<reply_reader> reader_;
  std::unique_ptr<std::array<char, 65536>> buffer_ = std::make_unique<std::array<char, 65536>>();
};

template <class Error>
void redis_connection::fail(redis_request& r, outcome result, phase during, std::string_view why) {
  // Thrown, since reject() would leave a copy here while the waiter may have done with its own.
  r.done.resolve_with(
      [&]() -> redis_reply { throw Error(result, peer_, during, clock::now() - r.since, why); });
}

}  // namespace loopbridge::clients::detail
