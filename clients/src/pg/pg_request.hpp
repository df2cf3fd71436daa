#pragma once

#include <chrono>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "loopbridge/clients/deadlines.hpp"
#include "loopbridge/clients/pg.hpp"
#include "loopbridge/results/deferred.hpp"

namespace loopbridge::clients::detail {

class pg_connection;

/// A query that waits in the pool, or runs on a connection. Thread: the loop's.
struct pg_request {
  using clock = std::chrono::steady_clock;
  using queue = std::list<std::shared_ptr<pg_request>>;

  pg_query query;
  const clock::time_point since;
  const std::string& peer;  ///< the pool's
  deadlines<pg_request>& times;
  completer<pg_answer> done{};
  std::optional<deadlines<pg_request>::entry> deadline{};  ///< empty: it has left
  queue::iterator place{};                                 ///< while it waits
  pg_connection* on = nullptr;                             ///< while it runs

  void forget_deadline() {
    if (deadline) times.drop(*std::exchange(deadline, std::nullopt));
  }
  void answer(pg_answer answer) {
    forget_deadline();
    done.resolve(std::move(answer));
  }
  template <class Error = request_error, class... More>
  void fail(outcome result, phase reached, const std::string& why, More&&... more) {
    forget_deadline();
    // No temporary shares the text with the waiter, who may have gone on by the end of the line.
    auto error = std::make_exception_ptr(
        Error(result, peer, reached, clock::now() - since, why, std::forward<More>(more)...));
    done.reject(std::move(error));
  }
};

}  // namespace loopbridge::clients::detail
