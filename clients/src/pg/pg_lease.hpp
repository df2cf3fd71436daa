#pragma once

#include <memory>
#include <string>

#include "loopbridge/uv/timer.hpp"
#include "pg/pg_connection.hpp"
#include "pg/pg_queue.hpp"

namespace loopbridge::clients::detail {

/// A connection in a transaction, and the queries that wait for it. Thread: the loop's.
///
/// The connection takes itself back as soon as the transaction has ended, or can only be rolled
/// back: it does that by itself then, and nothing of it is left here but the reason.
class pg_lease final : private pg_lessee {
 public:
  /// On a connection where BEGIN was answered.
  pg_lease(loop_ref loop, pg_connection& on, const std::string& peer,
           std::chrono::milliseconds idle_limit);
  ~pg_lease() { end("the transaction was destroyed"); }
  pg_lease(const pg_lease&) = delete;
  pg_lease& operator=(const pg_lease&) = delete;

  deferred<pg_answer> run(pg_query query, pg_period when);
  deferred<void> commit(pg_period when);
  deferred<void> roll_back(pg_period when);

 private:
  void ready() override;
  void ended() override;
  void broken(const std::string& why) override;

  template <class T, class Make>
  deferred<T> add(pg_query query, bool stays_open, pg_period when, Make make);
  void go_on();
  /// It is over.
  void end_waiting();
  /// Has the connection roll back.
  void end(const std::string& why);

  pg_connection* connection_;  ///< null: it is over
  std::string why_;            ///< then
  bool rolled_back_ = false;   ///< then: nothing of it stays
  bool committing_ = false;    ///< COMMIT was sent
  bool going_on_ = false;
  const std::chrono::milliseconds idle_limit_;
  timer idle_;
  pg_queue waiting_;
};

}  // namespace loopbridge::clients::detail
