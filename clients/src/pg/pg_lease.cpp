#include "pg/pg_lease.hpp"

#include <string_view>
#include <utility>

#include "pg/once_at_a_time.hpp"

namespace loopbridge::clients::detail {
namespace {

constexpr const char* rolling_back = "ROLLBACK";

/// The lease's own: what the program gives as a query is to stay open.
bool is_rollback(const pg_request& r) {
  return !r.stays_open && r.query.text == rolling_back;
}

}  // namespace

pg_lease::pg_lease(loop_ref loop, pg_connection& on, const std::string& peer,
                   std::chrono::milliseconds idle_limit)
    : connection_(&on),
      idle_limit_(idle_limit),
      idle_(loop,
            [this] {
              // While a query runs its deadline counts, and the time starts again when it ends.
              if (connection_ != nullptr && connection_->is_ready())
                end("it was given no query for " + std::to_string(idle_limit_.count()) +
                    " ms, pg_options::transaction_idle");
            }),
      waiting_(loop, peer, [](pg_request& late) {
        late.fail<request_timed_out>(outcome::not_sent, phase::queued,
                                     "timed out, behind another query of the transaction");
      }) {
  on.lend(*this);  // which tells when it is ready: at once
}

deferred<pg_answer> pg_lease::run(pg_query query, pg_period when) {
  return add<pg_answer>(std::move(query), true, when, answer_of);
}

deferred<void> pg_lease::commit(pg_period when) {
  // To COMMIT in a transaction that has failed the server answers with ROLLBACK, and no error.
  const auto check = [](const pg_request& r, const std::shared_ptr<PGresult>& result) {
    if (PQcmdStatus(result.get()) != std::string_view("COMMIT"))
      throw r.failure(outcome::answered, phase::reading,
                      "the server has rolled the transaction back, as a query in it had failed");
  };
  return add<void>("COMMIT", false, when, check);
}

deferred<void> pg_lease::roll_back(pg_period when) {
  return add<void>(rolling_back, false, when,
                   [](const pg_request&, const std::shared_ptr<PGresult>&) {});
}

template <class T, class Make>
deferred<T> pg_lease::add(pg_query query, bool stays_open, pg_period when, Make make) {
  auto answer = waiting_.add<T>(std::move(query), stays_open, when, std::move(make));
  go_on();
  return answer;
}

void pg_lease::go_on() {
  // A query that libpq refuses ends in run(), and comes back here: that only goes on below.
  const once_at_a_time call(going_on_);
  if (call.is_inner()) return;
  while (connection_ != nullptr && connection_->is_ready() && !waiting_.is_empty()) {
    auto next = waiting_.take();
    committing_ = !next->stays_open && !is_rollback(*next);
    connection_->run(std::move(next));
  }
  if (connection_ == nullptr) end_waiting();
}

void pg_lease::end_waiting() {
  while (!waiting_.is_empty()) {
    const auto next = waiting_.take();
    if (rolled_back_ && is_rollback(*next)) {
      next->answer(nullptr);  // it has what it wants
    } else {
      next->fail(outcome::not_sent, phase::queued,
                 "the transaction is over (" + why_ + "): begin another one");
    }
  }
}

void pg_lease::ready() {
  committing_ = false;
  idle_.start(idle_limit_);
  go_on();
}

void pg_lease::ended() {
  connection_ = nullptr;
  why_ = "it has ended";
  go_on();
}

void pg_lease::broken(const std::string& why) {
  connection_ = nullptr;
  why_ = why;
  rolled_back_ = !committing_;
  go_on();
}

void pg_lease::end(const std::string& why) {
  if (connection_ != nullptr) connection_->take_back(why);
}

}  // namespace loopbridge::clients::detail
