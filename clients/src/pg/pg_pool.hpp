#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dns/dns_channel.hpp"
#include "loopbridge/bridge_ref.hpp"
#include "loopbridge/clients/backoff.hpp"
#include "pg/pg_connection.hpp"
#include "pg/pg_queue.hpp"

namespace loopbridge::clients::detail {

/// The server, in errors.
std::string peer_of(const pg_options& options);

/// The queries that wait, and the connections that they wait for. Thread: the loop's.
class pg_pool final : private pg_listener {
 public:
  pg_pool(bridge_ref bridge, loop_ref loop, pg_options options);
  ~pg_pool();
  pg_pool(const pg_pool&) = delete;
  pg_pool& operator=(const pg_pool&) = delete;

  deferred<pg_answer> run(pg_query query, pg_period when);
  deferred<pg_transaction> begin(pg_transaction_options how, pg_period when);

 private:
  void ready() override;
  void lost(phase reached, const std::string& why, const std::string& sqlstate) override;

  /// Gives waiting queries to connections that are ready, and opens more.
  void dispatch();
  pg_connection* find(bool (pg_connection::*is)() const noexcept) const;
  /// Whose deadline has passed while it waited.
  void fail_late(pg_request& late) const;

  const bridge_ref bridge_;  ///< of this loop
  const pg_options options_;
  pg_queue waiting_;
  dns_channel names_;
  std::vector<std::unique_ptr<pg_connection>> connections_;
  bool dispatching_ = false;

  /// After a failure no connection is opened before this has fired.
  timer pause_;
  backoff backoff_;
  std::string last_failure_;  ///< empty when a connection was made since
  phase last_reached_ = phase::queued;
};

}  // namespace loopbridge::clients::detail
