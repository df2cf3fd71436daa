#include <utility>
#include <vector>

#include "pg/pg_connection.hpp"

namespace loopbridge::clients::detail {
namespace {

std::string field(const PGresult* result, int which) {
  const char* const text = PQresultErrorField(result, which);
  return text == nullptr ? "" : text;
}

}  // namespace

void pg_connection::run(std::shared_ptr<pg_request> request) {
  std::vector<const char*> values;
  std::vector<int> sizes, formats;
  for (const pg_parameter& p : request->query.parameters) {
    values.push_back(p.value() ? p.value()->c_str() : nullptr);
    sizes.push_back(p.value() ? static_cast<int>(p.value()->size()) : 0);
    formats.push_back(p.is_binary() ? 1 : 0);
  }
  // Now that there was memory for it: before, the connection stays free.
  request_ = std::move(request);
  request_->on = this;
  state_ = state::running;
  drained_ = false;
  if (PQsendQueryParams(connection_, request_->query.text.c_str(), static_cast<int>(values.size()),
                        nullptr, values.data(), sizes.data(), formats.data(),
                        request_->query.binary ? 1 : 0) == 1)
    return serve(false);
  if (PQstatus(connection_) == CONNECTION_BAD) return lose(phase::waiting, message());
  request_->fail(outcome::not_sent, phase::queued, message());  // libpq itself refuses it
  end_of_query();
}

void pg_connection::serve(bool readable) {
  if (readable && PQconsumeInput(connection_) == 0) return lose(phase::waiting, message());
  while (PGnotify* const unasked = PQnotifies(connection_)) PQfreemem(unasked);
  if (state_ == state::ready) return;
  const int unsent = PQflush(connection_);
  if (unsent < 0) return lose(phase::waiting, message());
  watch(unsent > 0 ? fd_interest::both : fd_interest::read);
  if (state_ != state::closed && !drained_) take_results();
}

void pg_connection::take_results() {
  while (PQisBusy(connection_) == 0) {
    PGresult* const next = PQgetResult(connection_);
    if (PQstatus(connection_) == CONNECTION_BAD) {
      PQclear(next);  // which libpq has made up
      return lose(phase::waiting, message());
    }
    if (next == nullptr) return end_of_query();
    result_.reset(next);
    switch (PQresultStatus(next)) {
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return lose(phase::waiting, "COPY is not supported");
      default:
        break;
    }
  }
}

void pg_connection::end_of_query() {
  // First, as there may be no memory for it: then the request is still this connection's.
  const std::shared_ptr<PGresult> result(result_.release(), PQclear);
  const auto request = std::exchange(request_, nullptr);
  drained_ = true;
  if (request) {
    if (result) conclude(*request, result);  // of a BEGIN: lends this
    request->on = nullptr;
  }
  if (lessee_ != nullptr && in_transaction()) {
    state_ = state::ready;
    return lessee_->ready();
  }
  if (lessee_ != nullptr) std::exchange(lessee_, nullptr)->ended();
  clear_up();
}

void pg_connection::conclude(pg_request& request, const std::shared_ptr<PGresult>& result) {
  switch (PQresultStatus(result.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
      break;
    default:
      return request.fail<pg_error>(outcome::answered, phase::reading,
                                    field(result.get(), PG_DIAG_MESSAGE_PRIMARY),
                                    field(result.get(), PG_DIAG_SQLSTATE));
  }
  if (in_transaction() == request.stays_open) return request.answer(result);
  request.fail(outcome::answered, phase::reading,
               request.stays_open
                   ? "the query was executed and has ended the transaction, by " +
                         std::string(PQcmdStatus(result.get())) +
                         ": end one with commit_for() or rollback_for()"
                   : "the query left a transaction open, which is rolled back: use begin_for()");
}

bool pg_connection::in_transaction() const {
  return PQtransactionStatus(connection_) != PQTRANS_IDLE;
}

void pg_connection::take_back(const std::string& why) {
  fail_request(phase::waiting, why);
  if (state_ == state::running) return give_up(why);
  break_lease(why);
  clear_up();
}

void pg_connection::give_up(const std::string& why) {
  break_lease(why);
  state_ = state::clearing;
  if (request_) {
    request_->on = nullptr;
    request_->forget_deadline();
    request_ = nullptr;
  }
  limit_.start(options_.cancel_timeout);
  cancel();
}

void pg_connection::cancel() {
  PGcancel* const request = PQgetCancel(connection_);
  if (request == nullptr) return lose(phase::waiting, "out of memory");
  cancel_ = std::make_unique<pg_cancel>(loop_, request, [this](bool taken) {
    if (!taken) return lose(phase::waiting, "the server did not take the cancel");
    cancel_ = nullptr;
    // One that overtakes the query is lost.
    if (!drained_) again_.start(std::chrono::milliseconds(50));
    clear_up();
  });
}

void pg_connection::clear_up() {
  if (cancel_ || !drained_) return;
  again_.stop();
  if (!in_transaction()) {
    limit_.stop();
    state_ = state::ready;
    return pool_.ready();
  }
  // The limit counts from the cancel on, if there was one.
  if (!limit_.is_active()) limit_.start(options_.cancel_timeout);
  state_ = state::clearing;
  drained_ = false;
  if (PQsendQuery(connection_, "ROLLBACK") != 1) return lose(phase::waiting, message());
  serve(false);
}

void pg_connection::fail_request(phase reached, const std::string& why) {
  if (!request_) return;
  request_->on = nullptr;
  request_->fail(outcome::unknown, reached, why);
  request_ = nullptr;
}

void pg_connection::break_lease(const std::string& why) {
  if (lessee_ != nullptr) std::exchange(lessee_, nullptr)->broken(why);
}

}  // namespace loopbridge::clients::detail
