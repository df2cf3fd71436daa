#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>

#include "loopbridge/clients/dns.hpp"
#include "loopbridge/clients/pg_query.hpp"
#include "loopbridge/clients/pg_transaction.hpp"
#include "loopbridge/clients/request_error.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/results/eventual.hpp"

namespace loopbridge::clients {
namespace detail {
class pg_pool;
}

struct pg_options {
  /// A name, an address, or the directory of a socket, which begins with '/'.
  std::string host = "127.0.0.1";
  int port = 5432;
  std::string user{};  ///< empty, here and below: libpq's default
  std::string password{};
  std::string database{};
  /// How many connections there are at most. Each is made when queries wait, and stays.
  int connections = 4;
  /// The deadline of a query that is given none.
  std::chrono::milliseconds timeout{5000};
  /// How long a connection may take, with the look-up of the name and logging in.
  std::chrono::milliseconds connect_timeout{5000};
  /// How long a query that was given up may take to end on the server, and a transaction to roll
  /// back, before the connection is closed.
  std::chrono::milliseconds cancel_timeout{1000};
  /// A transaction that is given no query for this long is rolled back.
  std::chrono::milliseconds transaction_idle{60'000};
  /// A server that says nothing for this long is asked by TCP whether it is there. What is not
  /// acknowledged for that long breaks the connection.
  std::chrono::seconds keepalive{30};
  dns_options dns{};  ///< how `host` is looked up
  /// libpq's other parameters by their names, "sslmode" say. They override the ones above.
  std::map<std::string, std::string> parameters{};
};

/// The server has answered with an error. With outcome::answered that was to the query, which it
/// has not executed; with outcome::not_sent it would not let the client in (wrong password, no such
/// database).
class pg_error : public request_error {
 public:
  pg_error(outcome result, std::string_view peer, clients::phase reached,
           std::chrono::nanoseconds after, std::string_view why, std::string sqlstate)
      : request_error(result, peer, reached, after, why), sqlstate_(std::move(sqlstate)) {}

  /// The five characters that say what it is: "23505" for a unique key that is there already.
  const std::string& sqlstate() const noexcept { return sqlstate_; }

 private:
  std::string sqlstate_;
};

/// PostgreSQL, over libpq: queries of any threads, over a few connections.
///
///   loopbridge::clients::pg db(bridge, {.user = "shop", .database = "shop"});
///   auto stock = db.call_for(500ms, {"SELECT count FROM stock WHERE what = $1", {"pears"}});
///
/// One query at a time runs on a connection. Others wait, first come first served, each with its
/// own deadline. A query is one statement, and a transaction of its own; begin_for() is for several
/// in one transaction. COPY is not supported.
///
/// A query that is given up while it runs, because its time is up or its eventual was cancelled, is
/// cancelled on the server. Its connection serves the next query when the cancel and the end of
/// the query are both confirmed, so that no cancel hits another query. If they are not in time, the
/// connection is closed, and a new one is made.
///
/// Connections that break are made anew, with growing pauses, while queries wait. What may have
/// been executed is never sent again.
///
/// Thread   any ordinary thread, any number at once. A task awaits what submit() gives.
/// Throws   where a query has failed:
///            `pg_error`: the server said so;
///            `request_timed_out`: the deadline passed. With outcome::not_sent the query had not
///            been sent, and will not be. The message then says why there was no connection. With
///            outcome::unknown it ran;
///            `request_error`: with outcome::unknown the connection broke while the query ran. With
///            outcome::not_sent libpq has refused it. With outcome::answered it left a transaction
///            open, which is rolled back.
///          Also std::invalid_argument for a query or a text parameter with a NUL in it, and for a
///          parameter of more than 2147483647 bytes; `bridge_stopped`, `wrong_process`,
///          std::bad_alloc, `would_deadlock` of what blocks.
/// After the end   what waits or runs when the client is destroyed ends with a `request_error`, and
///          when the bridge stops, with `bridge_stopped`. The client may be destroyed anywhere,
///          also after the bridge. Nothing waits for a cancel that is on its way to the server.
class pg {
 public:
  /// Connects when the first query comes.
  ///
  /// Blocks   until the loop has made it.
  /// Throws   std::invalid_argument for options that make no sense, and what calls throw.
  explicit pg(bridge& on, pg_options options = {});
  ~pg();
  pg(const pg&) = delete;
  pg& operator=(const pg&) = delete;

  /// Runs the query, and waits for its answer. Without a timeout: pg_options::timeout.
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

  /// Runs the query. The answer comes through the eventual, in time or as `request_timed_out`.
  template <class Rep, class Period>
  eventual<pg_answer> submit_for(std::chrono::duration<Rep, Period> timeout, pg_query query,
                                 std::source_location where = std::source_location::current()) {
    return submit_within(loopbridge::detail::in_nanoseconds(timeout), std::move(query), where);
  }
  eventual<pg_answer> submit(pg_query query,
                             std::source_location where = std::source_location::current()) {
    return submit_within(timeout_, std::move(query), where);
  }

  /// Begins a transaction, on a connection of its own: see pg_transaction. It waits for its turn,
  /// and is not sent if its deadline passes before.
  ///
  /// Blocks   until the server has answered, or the time is up.
  /// Order    among all queries: first come, first served. So a thread that waits here while it has
  ///          the last connection in another transaction waits until its time is up.
  template <class Rep, class Period>
  pg_transaction begin_for(std::chrono::duration<Rep, Period> timeout,
                           pg_transaction_options how = {},
                           std::source_location where = std::source_location::current()) {
    return begin_within(loopbridge::detail::in_nanoseconds(timeout), how, where);
  }
  pg_transaction begin(pg_transaction_options how = {},
                       std::source_location where = std::source_location::current()) {
    return begin_within(timeout_, how, where);
  }

  /// The same: the transaction comes through the eventual. If nobody takes it, it is rolled back
  /// with the eventual's end.
  template <class Rep, class Period>
  eventual<pg_transaction> submit_begin_for(
      std::chrono::duration<Rep, Period> timeout, pg_transaction_options how = {},
      std::source_location where = std::source_location::current()) {
    return submit_begin_within(loopbridge::detail::in_nanoseconds(timeout), how, where);
  }
  eventual<pg_transaction> submit_begin(
      pg_transaction_options how = {},
      std::source_location where = std::source_location::current()) {
    return submit_begin_within(timeout_, how, where);
  }

 private:
  pg_answer call_within(std::chrono::nanoseconds timeout, pg_query query,
                        std::source_location where);
  eventual<pg_answer> submit_within(std::chrono::nanoseconds timeout, pg_query query,
                                    std::source_location where);
  pg_transaction begin_within(std::chrono::nanoseconds timeout, pg_transaction_options how,
                              std::source_location where);
  eventual<pg_transaction> submit_begin_within(std::chrono::nanoseconds timeout,
                                               pg_transaction_options how,
                                               std::source_location where);

  const std::chrono::nanoseconds timeout_;
  const std::string peer_;
  const std::unique_ptr<owned<detail::pg_pool>> pool_;
};

}  // namespace loopbridge::clients
