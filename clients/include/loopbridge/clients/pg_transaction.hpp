#pragma once

#include <chrono>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include "loopbridge/clients/pg_query.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge {
template <class H>
class owned;
}

namespace loopbridge::clients {
namespace detail {
class pg_lease;
class pg_pool;
}  // namespace detail

enum class pg_isolation : unsigned char {
  of_the_server,  ///< Its default_transaction_isolation.
  read_committed,
  repeatable_read,
  serializable,
};

struct pg_transaction_options {
  pg_isolation isolation = pg_isolation::of_the_server;
  bool read_only = false;
};

/// A transaction of several queries, which pg::begin_for() gives.
///
///   auto t = db.begin_for(500ms);
///   t.call_for(500ms, {"UPDATE stock SET count = count - $1 WHERE what = $2", {3, "pears"}});
///   t.call_for(500ms, {"INSERT INTO orders VALUES ($1, $2)", {"pears", 3}});
///   t.commit_for(500ms);  // without it, the destructor rolls back
///
/// It has one of the client's connections, which serves nobody else meanwhile: keep it as short as
/// can be. When it is given no query for pg_options::transaction_idle, it is rolled back.
///
/// After an error of the server's PostgreSQL refuses all queries with SQLSTATE 25P02, up to a
/// ROLLBACK TO SAVEPOINT. A query that is given up while it runs, because its time is up or its
/// eventual was cancelled, is cancelled on the server, and the transaction is rolled back. When the
/// connection breaks the server rolls back. After both, and after its end, all queries fail with
/// outcome::not_sent and the reason.
///
/// The connection goes back to the client when the server has confirmed that no transaction is
/// open. If that is not within pg_options::cancel_timeout, it is closed.
///
/// Thread   any ordinary thread, any number at once: their queries run in the order in which they
///          were given. Move or destroy it only after every member call has returned. A task awaits
///          what the submit functions give.
/// Throws   what pg's functions throw, which are listed there. `request_error` also:
///            with outcome::not_sent: the transaction is over, begin another one;
///            with outcome::answered: the query has ended the transaction ("COMMIT" or "ROLLBACK"
///            as a query): it was executed.
///          `no_state` if it was moved from.
/// After the end   the destructor never waits. If neither commit_for() nor rollback_for() was
///          answered it rolls back: what waits or runs ends with a `request_error`; a COMMIT
///          that runs is cancelled too, and nobody knows what becomes of it. It may run in any
///          thread, also after the client or the bridge. When the client is destroyed, or the
///          bridge stops, the connection is closed, and so the server rolls back.
class [[nodiscard("keep it: its destructor rolls back")]] pg_transaction {
 public:
  pg_transaction(pg_transaction&&) noexcept;
  /// Ends the transaction that is replaced, as the destructor does.
  pg_transaction& operator=(pg_transaction&&) noexcept;
  ~pg_transaction();

  /// Runs the query in the transaction. Without a timeout, here and below: pg_options::timeout.
  ///
  /// Blocks   until there is an answer, or the time is up.
  template <class Rep, class Period>
  pg_answer call_for(std::chrono::duration<Rep, Period> timeout, pg_query query,
                     std::source_location where = std::source_location::current()) {
    return call_within(loopbridge::detail::in_nanoseconds(timeout), std::move(query), where);
  }
  pg_answer call(pg_query query, std::source_location where = std::source_location::current()) {
    return call_within(timeout_, std::move(query), where);
  }
  template <class Rep, class Period>
  eventual<pg_answer> submit_for(std::chrono::duration<Rep, Period> timeout, pg_query query,
                                 std::source_location where = std::source_location::current()) {
    return submit_within(loopbridge::detail::in_nanoseconds(timeout), std::move(query), where);
  }
  eventual<pg_answer> submit(pg_query query,
                             std::source_location where = std::source_location::current()) {
    return submit_within(timeout_, std::move(query), where);
  }

  /// Commits. When it returns, the server has done so.
  ///
  /// Blocks   until there is an answer, or the time is up.
  /// Throws   besides what is listed above:
  ///            `request_error` with outcome::answered: a query had failed before, and the server
  ///            has rolled back instead;
  ///            `pg_error`: the server has rolled back, as it found a conflict ("40001": begin
  ///            again) or a constraint that does not hold;
  ///            `request_timed_out`, `request_error` with outcome::unknown: the answer did not
  ///            come. It may be committed or not.
  template <class Rep, class Period>
  void commit_for(std::chrono::duration<Rep, Period> timeout,
                  std::source_location where = std::source_location::current()) {
    end_within(loopbridge::detail::in_nanoseconds(timeout), true, where);
  }
  void commit(std::source_location where = std::source_location::current()) {
    end_within(timeout_, true, where);
  }
  template <class Rep, class Period>
  eventual<void> submit_commit_for(std::chrono::duration<Rep, Period> timeout,
                                   std::source_location where = std::source_location::current()) {
    return submit_end_within(loopbridge::detail::in_nanoseconds(timeout), true, where);
  }
  eventual<void> submit_commit(std::source_location where = std::source_location::current()) {
    return submit_end_within(timeout_, true, where);
  }

  /// Rolls back. When it returns, the server has done so, or was told to: where a query before it
  /// is given up, or the connection is lost, it does not wait for the server.
  ///
  /// Blocks   until there is an answer, or the time is up.
  /// Throws   `request_error` with outcome::not_sent: the transaction has ended before, by a COMMIT
  ///          or a ROLLBACK.
  template <class Rep, class Period>
  void rollback_for(std::chrono::duration<Rep, Period> timeout,
                    std::source_location where = std::source_location::current()) {
    end_within(loopbridge::detail::in_nanoseconds(timeout), false, where);
  }
  void rollback(std::source_location where = std::source_location::current()) {
    end_within(timeout_, false, where);
  }
  template <class Rep, class Period>
  eventual<void> submit_rollback_for(std::chrono::duration<Rep, Period> timeout,
                                     std::source_location where = std::source_location::current()) {
    return submit_end_within(loopbridge::detail::in_nanoseconds(timeout), false, where);
  }
  eventual<void> submit_rollback(std::source_location where = std::source_location::current()) {
    return submit_end_within(timeout_, false, where);
  }

 private:
  friend class detail::pg_pool;
  pg_transaction(std::chrono::nanoseconds timeout, std::string peer,
                 std::unique_ptr<owned<detail::pg_lease>> lease) noexcept;

  owned<detail::pg_lease>& lease() const;
  pg_answer call_within(std::chrono::nanoseconds timeout, pg_query query,
                        std::source_location where);
  eventual<pg_answer> submit_within(std::chrono::nanoseconds timeout, pg_query query,
                                    std::source_location where);
  void end_within(std::chrono::nanoseconds timeout, bool commit, std::source_location where);
  eventual<void> submit_end_within(std::chrono::nanoseconds timeout, bool commit,
                                   std::source_location where);

  std::chrono::nanoseconds timeout_;
  std::string peer_;
  std::unique_ptr<owned<detail::pg_lease>> lease_;  ///< null: moved from
};

}  // namespace loopbridge::clients
