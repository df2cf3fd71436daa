#include "loopbridge/clients/pg.hpp"

#include "loopbridge/uv/owned.hpp"
#include "pg/pg_pool.hpp"
#include "waiting.hpp"

namespace loopbridge::clients {
namespace {

auto to_begin(pg_transaction_options how, std::chrono::nanoseconds timeout) {
  return [how, when = detail::pg_period::of(timeout)](detail::pg_pool& p) {
    return p.begin(how, when);
  };
}

}  // namespace

pg::pg(bridge& on, pg_options options)
    : timeout_(loopbridge::detail::in_nanoseconds(options.timeout)),
      peer_(detail::peer_of(options)),
      pool_(std::make_unique<owned<detail::pg_pool>>(
          on, [&](loop_ref loop) { return detail::pg_pool(bridge_ref(on), loop, options); })) {}

pg::~pg() = default;

pg_answer pg::call_within(std::chrono::nanoseconds timeout, pg_query query,
                          std::source_location where) {
  return call_in_time(*pool_, timeout, peer_, detail::to_run(std::move(query), timeout), where);
}

eventual<pg_answer> pg::submit_within(std::chrono::nanoseconds timeout, pg_query query,
                                      std::source_location where) {
  return pool_->submit(detail::to_run(std::move(query), timeout), where);
}

pg_transaction pg::begin_within(std::chrono::nanoseconds timeout, pg_transaction_options how,
                                std::source_location where) {
  return call_in_time(*pool_, timeout, peer_, to_begin(how, timeout), where);
}

eventual<pg_transaction> pg::submit_begin_within(std::chrono::nanoseconds timeout,
                                                 pg_transaction_options how,
                                                 std::source_location where) {
  return pool_->submit(to_begin(how, timeout), where);
}

}  // namespace loopbridge::clients
