#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "dns/dns_channel.hpp"
#include "loopbridge/uv/fd_watcher.hpp"
#include "loopbridge/uv/timer.hpp"
#include "pg/pg_cancel.hpp"
#include "pg/pg_request.hpp"

namespace loopbridge::clients::detail {

/// What a connection tells its pool.
struct pg_listener {
  /// It can take a query.
  virtual void ready() = 0;
  /// It is closed, and `why`. `sqlstate`: what the server gave as its reason to let nobody in.
  virtual void lost(phase reached, const std::string& why, const std::string& sqlstate) = 0;

 protected:
  ~pg_listener() = default;
};

/// What a transaction hears of the connection that is lent to it. Each but the first is the last.
struct pg_lessee {
  /// It can take a query, in the transaction.
  virtual void ready() = 0;
  /// A query has ended the transaction.
  virtual void ended() = 0;
  /// It is rolled back, and `why`: by ROLLBACK, or by the loss of its connection.
  virtual void broken(const std::string& why) = 0;

 protected:
  ~pg_lessee() = default;
};

/// One connection, which may be opened again and again. Thread: the loop's.
class pg_connection {
 public:
  pg_connection(loop_ref loop, const pg_options& options, dns_channel& names, pg_listener& pool);
  ~pg_connection();
  pg_connection(const pg_connection&) = delete;
  pg_connection& operator=(const pg_connection&) = delete;

  bool is_closed() const noexcept { return state_ == state::closed; }
  bool is_opening() const noexcept { return state_ == state::opening; }
  bool is_ready() const noexcept { return state_ == state::ready; }
  bool is_lent() const noexcept { return lessee_ != nullptr; }
  /// Can it take a query of the pool's?
  bool is_free() const noexcept { return is_ready() && !is_lent(); }

  /// When it is closed. What comes of it, the pool is told later.
  void open();
  /// When it is ready.
  void run(std::shared_ptr<pg_request> request);
  /// When a request runs: nobody wants its answer any more. It is cancelled, and a transaction that
  /// is open rolled back. If it is lent that ends, with `why`.
  void give_up(const std::string& why = "a query in it was given up, so it was rolled back");

  /// While a BEGIN is answered: the transaction is that of `to`.
  void lend(pg_lessee& to) noexcept { lessee_ = &to; }
  /// When it is lent: rolls back, and fails what runs.
  void take_back(const std::string& why);

 private:
  enum class state : unsigned char { closed, opening, ready, running, clearing };

  // Its life: pg_connection.cpp.
  void connect(const dns::addresses& found);
  void watch(fd_interest what);
  void unwatch();
  void log_in();
  std::string message() const;
  void lose(phase reached, const std::string& why, const std::string& sqlstate = {});
  void close();

  // The queries on it: pg_execution.cpp.
  void serve(bool readable);
  void take_results();
  void end_of_query();
  void conclude(pg_request& request, const std::shared_ptr<PGresult>& result);
  bool in_transaction() const;
  void cancel();
  /// Makes it free, once a cancelled query has ended and no transaction is open.
  void clear_up();
  void fail_request(phase reached, const std::string& why);
  void break_lease(const std::string& why);

  const loop_ref loop_;
  const pg_options& options_;
  dns_channel& names_;
  pg_listener& pool_;

  state state_ = state::closed;
  phase reached_ = phase::resolving;  ///< while it opens
  PGconn* connection_ = nullptr;
  /// Of the socket: stopped before libpq closes that.
  fd_watcher watcher_;
  fd_interest watched_ = fd_interest::none;
  /// Of opening, and of clearing up.
  timer limit_;
  /// Until the next cancel, of a query that the last one has missed.
  timer again_;
  /// Of the look-up: one that a later open() has overtaken finds it gone.
  std::shared_ptr<pg_connection*> attempt_;

  std::shared_ptr<pg_request> request_;  ///< while it runs
  std::unique_ptr<PGresult, decltype(&PQclear)> result_{nullptr, PQclear};
  std::unique_ptr<pg_cancel> cancel_;  ///< until the server has taken it
  bool drained_ = false;               ///< while it clears up: the query has ended
  pg_lessee* lessee_ = nullptr;
};

}  // namespace loopbridge::clients::detail
