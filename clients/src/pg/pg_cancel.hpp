#pragma once

#include <libpq-fe.h>

#include <functional>
#include <memory>

#include "loopbridge/loop_ref.hpp"

namespace loopbridge::clients::detail {

/// PQcancel() on a thread of its own: it connects, and blocks until the server has closed that
/// connection, which a frozen server never does. Nobody waits for the thread. Thread: the loop's.
class pg_cancel {
 public:
  /// Frees `what`. `then` is told whether the server has taken the request. It may destroy this.
  pg_cancel(loop_ref loop, PGcancel* what, std::function<void(bool)> then);
  /// `then` is not called from now on.
  ~pg_cancel();
  pg_cancel(const pg_cancel&) = delete;
  pg_cancel& operator=(const pg_cancel&) = delete;

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

}  // namespace loopbridge::clients::detail
