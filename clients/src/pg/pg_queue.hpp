#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "pg/pg_request.hpp"

namespace loopbridge::clients::detail {

/// Requests that wait for their turn, first come first served, and the deadlines of these and of
/// those of them that run. Thread: the loop's.
class pg_queue {
 public:
  /// `late` ends a request whose deadline has passed while it waited, and which has left.
  pg_queue(loop_ref loop, std::string peer, std::function<void(pg_request&)> late);
  pg_queue(const pg_queue&) = delete;
  pg_queue& operator=(const pg_queue&) = delete;

  const std::string& peer() const noexcept { return peer_; }

  /// Throws std::invalid_argument for what libpq would cut.
  template <class T, class Make>
  deferred<T> add(pg_query query, bool stays_open, pg_period when, Make make) {
    check(query);
    auto r = std::make_shared<pg_request_for<T, Make>>(std::move(make), std::move(query),
                                                       stays_open, when.since, peer_, deadlines_);
    auto answer = r->done.get_deferred();
    enter(r, when.due);
    // One that waits leaves when its turn comes. Weak: the queue goes with its owner.
    r->done.on_cancel([weak = std::weak_ptr<pg_request>(r)] { give_up(weak.lock()); });
    return answer;
  }

  /// How many wait, at most: those among them whose waiter has cancelled them are not sent.
  std::size_t size() const noexcept { return waiting_.size(); }
  /// Does none wait that is wanted?
  bool is_empty();
  /// The first; where it is not empty.
  std::shared_ptr<pg_request> take() { return take(*waiting_.front()); }
  /// Fails all that wait: none of them was sent.
  template <class Error = request_error, class... More>
  void fail_all(phase reached, const std::string& why, const More&... more) {
    while (!waiting_.empty())
      take()->template fail<Error>(outcome::not_sent, reached, why, more...);
  }

 private:
  static void check(const pg_query& query);
  static void give_up(const std::shared_ptr<pg_request>& cancelled);
  void enter(std::shared_ptr<pg_request> r, pg_request::clock::time_point due);
  std::shared_ptr<pg_request> take(pg_request& waiting);
  void expire(pg_request& late);

  const std::string peer_;
  const std::function<void(pg_request&)> late_;
  deadlines<pg_request> deadlines_;
  pg_request::queue waiting_;
};

}  // namespace loopbridge::clients::detail
