#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "loopbridge/clients/deadlines.hpp"
#include "loopbridge/clients/pg.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/results/deferred.hpp"

namespace loopbridge::clients::detail {

class pg_connection;

/// From when the caller gave a request, and until when.
struct pg_period {
  using clock = std::chrono::steady_clock;

  static pg_period of(std::chrono::nanoseconds timeout) {
    const auto now = clock::now();
    return {now, loopbridge::detail::end_of(now, timeout)};
  }

  clock::time_point since, due;
};

/// What gives the query to a pg_pool or a pg_lease, in whose place it is called on the loop.
inline auto to_run(pg_query query, std::chrono::nanoseconds timeout) {
  return [query = std::move(query), when = pg_period::of(timeout)](auto& on) mutable {
    return on.run(std::move(query), when);
  };
}

/// A query that waits in a pg_queue, or runs on a connection. Thread: the loop's.
struct pg_request {
  using clock = pg_period::clock;
  using queue = std::list<std::shared_ptr<pg_request>>;

  pg_request(pg_query text, bool open, clock::time_point from, const std::string& whom,
             deadlines<pg_request>& all)
      : query(std::move(text)), stays_open(open), since(from), peer(whom), times(all) {}
  virtual ~pg_request() { forget_deadline(); }
  pg_request(const pg_request&) = delete;
  pg_request& operator=(const pg_request&) = delete;

  pg_query query;
  /// Is a transaction open once it is answered? BEGIN, and a transaction's queries.
  const bool stays_open;
  const clock::time_point since;
  const std::string& peer;  ///< the queue's, as is the next
  deadlines<pg_request>& times;
  std::optional<deadlines<pg_request>::entry> deadline{};  ///< empty: it has left
  queue::iterator place{};                                 ///< while it waits
  pg_connection* on = nullptr;                             ///< while it runs

  virtual bool is_cancelled() const = 0;

  void forget_deadline() {
    if (deadline) times.drop(*std::exchange(deadline, std::nullopt));
  }
  /// What the server has answered, which is no error.
  void answer(const std::shared_ptr<PGresult>& result) {
    forget_deadline();
    resolve(result);
  }
  template <class Error = request_error, class... More>
  void fail(outcome result, phase reached, const std::string& why, More&&... more) {
    forget_deadline();
    // No temporary shares the text with the waiter, who may have gone on by the end of the line.
    auto error =
        std::make_exception_ptr(failure<Error>(result, reached, why, std::forward<More>(more)...));
    reject(std::move(error));
  }
  template <class Error = request_error, class... More>
  Error failure(outcome result, phase reached, const std::string& why, More&&... more) const {
    return Error(result, peer, reached, clock::now() - since, why, std::forward<More>(more)...);
  }

 private:
  virtual void resolve(const std::shared_ptr<PGresult>& result) = 0;
  virtual void reject(std::exception_ptr error) = 0;
};

/// One whose waiter gets a T: what `make(pg_request&, result)` makes of the server's answer. It may
/// throw what the waiter gets instead.
template <class T, class Make>
struct pg_request_for final : pg_request {
  template <class... Args>
  explicit pg_request_for(Make how, Args&&... args)
      : pg_request(std::forward<Args>(args)...), make(std::move(how)) {}

  bool is_cancelled() const override { return done.is_cancelled(); }

  completer<T> done{};
  Make make;

 private:
  void resolve(const std::shared_ptr<PGresult>& result) override {
    done.resolve_with([&]() -> T { return make(*this, result); });
  }
  void reject(std::exception_ptr error) override { done.reject(std::move(error)); }
};

/// What a query's waiter gets.
inline pg_answer answer_of(const pg_request&, const std::shared_ptr<PGresult>& result) {
  return pg_answer(result);
}

}  // namespace loopbridge::clients::detail
