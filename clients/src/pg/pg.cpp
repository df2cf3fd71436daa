#include "loopbridge/clients/pg.hpp"

#include "loopbridge/uv/owned.hpp"
#include "pg/pg_pool.hpp"
#include "waiting.hpp"

namespace loopbridge::clients {
namespace {

using loopbridge::detail::end_of;

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
  return pool_->call_for(waiting_for(timeout), to_run(std::move(query), timeout), where);
}

eventual<pg_answer> pg::submit_within(std::chrono::nanoseconds timeout, pg_query query,
                                      std::source_location where) {
  return pool_->submit(to_run(std::move(query), timeout), where);
}

}  // namespace loopbridge::clients
