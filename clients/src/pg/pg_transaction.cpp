#include "loopbridge/clients/pg_transaction.hpp"

#include "loopbridge/uv/owned.hpp"
#include "pg/pg_lease.hpp"
#include "waiting.hpp"

namespace loopbridge::clients {
namespace {

auto to_end(bool commit, std::chrono::nanoseconds timeout) {
  return [commit, when = detail::pg_period::of(timeout)](detail::pg_lease& l) {
    return commit ? l.commit(when) : l.roll_back(when);
  };
}

}  // namespace

pg_transaction::pg_transaction(std::chrono::nanoseconds timeout, std::string peer,
                               std::unique_ptr<owned<detail::pg_lease>> lease) noexcept
    : timeout_(timeout), peer_(std::move(peer)), lease_(std::move(lease)) {}

pg_transaction::pg_transaction(pg_transaction&&) noexcept = default;
pg_transaction& pg_transaction::operator=(pg_transaction&&) noexcept = default;
pg_transaction::~pg_transaction() = default;

owned<detail::pg_lease>& pg_transaction::lease() const {
  if (!lease_)
    loopbridge::detail::throw_no_state("this pg_transaction is empty: it was moved from");
  return *lease_;
}

pg_answer pg_transaction::call_within(std::chrono::nanoseconds timeout, pg_query query,
                                      std::source_location where) {
  return call_in_time(lease(), timeout, peer_, detail::to_run(std::move(query), timeout), where);
}

eventual<pg_answer> pg_transaction::submit_within(std::chrono::nanoseconds timeout, pg_query query,
                                                  std::source_location where) {
  return lease().submit(detail::to_run(std::move(query), timeout), where);
}

void pg_transaction::end_within(std::chrono::nanoseconds timeout, bool commit,
                                std::source_location where) {
  call_in_time(lease(), timeout, peer_, to_end(commit, timeout), where);
}

eventual<void> pg_transaction::submit_end_within(std::chrono::nanoseconds timeout, bool commit,
                                                 std::source_location where) {
  return lease().submit(to_end(commit, timeout), where);
}

}  // namespace loopbridge::clients
