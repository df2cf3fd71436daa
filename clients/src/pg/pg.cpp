#include "loopbridge/clients/pg.hpp"

#include "loopbridge/uv/owned.hpp"
#include "pg/pg_pool.hpp"

namespace loopbridge::clients {
namespace {

using loopbridge::detail::end_of;

/// By which a waiter's own deadline is later than the loop's, whose error says more. It counts
/// where the loop is held up.
constexpr std::chrono::milliseconds grace{20};

auto to_run(pg_query query, std::chrono::nanoseconds timeout) {
  const auto now = std::chrono::steady_clock::now();
  return [query = std::move(query), now, due = end_of(now, timeout)](detail::pg_pool& p) mutable {
    return p.run(std::move(query), now, due);
  };
}

}  // namespace

pg::pg(bridge& on, pg_options options)
    : timeout_(options.timeout),
      pool_(std::make_unique<owned<detail::pg_pool>>(
          on, [&](loop_ref loop) { return detail::pg_pool(loop, options); })) {}

pg::~pg() = default;

pg_answer pg::call_within(std::chrono::nanoseconds timeout, pg_query query,
                          std::source_location where) {
  const auto patience = timeout < loopbridge::detail::for_ever - grace ? timeout + grace : timeout;
  return pool_->call_for(patience, to_run(std::move(query), timeout), where);
}

eventual<pg_answer> pg::submit_within(std::chrono::nanoseconds timeout, pg_query query,
                                      std::source_location where) {
  return pool_->submit(to_run(std::move(query), timeout), where);
}

}  // namespace loopbridge::clients
