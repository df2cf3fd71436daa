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
/// can be.
///
/// When the server has answered a query with an error, the transaction is still open, but the
/// server refuses all further queries with SQLSTATE 25P02. Roll it back; or give ROLLBACK TO
/// SAVEPOINT as a query, and go on from there.
///
/// The transaction is rolled back before its end:
///   - when a query is given up while it runs, because its time is up or its eventual was
///     cancelled. The query is cancelled on the server;
///   - when it is given no query for pg_options::transaction_idle;
///   - when its connection breaks.
/// From then on, and after its end, each query fails with outcome::not_sent, and says why.
///
/// The connection goes back to the client when the server has confirmed that no transaction is
/// open. If the server does not within pg_options::cancel_timeout, the connection is closed.
///
/// Thread   any ordinary thread, any number at once: their queries run in the order in which they
///          were given. Move or destroy it only after every member call has returned. A task awaits
///          what the submit functions give.
/// Throws   where a query has failed:
///            `pg_error`: the server said so;
///            `request_timed_out`: the deadline passed. With outcome::not_sent the query had not
///            been sent, and the transaction is as it was. With outcome::unknown it ran;
///            `request_error`: with outcome::not_sent the transaction is over (begin another one),
///            or libpq has refused the query. With outcome::unknown the connection broke while the
///            query ran. With outcome::answered the query was executed and has ended the
///            transaction, as "COMMIT" does as a query.
///          Also std::invalid_argument for a query or a text parameter with a NUL in it, and for a
///          parameter of more than 2147483647 bytes; `no_state` if the transaction was moved from;
///          `bridge_stopped`, `wrong_process`, std::bad_alloc, `would_deadlock` of what blocks.
/// After the end   the destructor never waits. It may run in any thread, also after the client or
///          the bridge. Unless a commit or a rollback was answered, it rolls back. A query that
///          waits then ends with a `request_error` of outcome::not_sent, and one that runs with
///          outcome::unknown. A COMMIT that runs is cancelled, too: it may be executed or not.
///          When the client is destroyed, or the bridge stops, the connection is closed, and the
///          server rolls back.
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
  ///            `request_timed_out` with outcome::not_sent: the transaction is as it was;
  ///            `request_timed_out` or `request_error` with outcome::unknown: the answer did not
  ///            come. It may be committed or not; only a look at what it was to change can tell.
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

  /// Rolls back. When it returns, the server has done so. Where the transaction is rolled back
  /// before its end (see above), also while this waits, it does not wait for the server.
  ///
  /// Blocks   until there is an answer, or the time is up.
  /// Throws   what is listed above. `request_error` with outcome::not_sent: the transaction has
  ///          ended before, by a ROLLBACK or by a COMMIT, also one that was not answered.
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
