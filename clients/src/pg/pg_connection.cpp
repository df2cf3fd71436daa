#include "pg/pg_connection.hpp"

#include <system_error>
#include <utility>
#include <vector>

#include "pg/pg_login.hpp"

namespace loopbridge::clients::detail {
namespace {

std::string field(const PGresult* result, int which) {
  const char* const text = PQresultErrorField(result, which);
  return text == nullptr ? "" : text;
}

}  // namespace

pg_connection::~pg_connection() {
  const std::string why = "the client was destroyed";
  fail_request(phase::waiting, why);
  break_lease(why);
  close();
}

pg_connection::pg_connection(loop_ref loop, const pg_options& options, dns_channel& names,
                             pg_listener& pool)
    : loop_(loop),
      options_(options),
      names_(names),
      pool_(pool),
      watcher_(loop,
               [this](fd_events e) {
                 if (e.error != 0) watched_ = fd_interest::none;
                 if (state_ == state::opening) return log_in();
                 serve(e.readable || e.error != 0);
               }),
      limit_(loop,
             [this] {
               if (state_ == state::opening) return lose(reached_, "timed out");
               lose(phase::waiting, "a query that was given up did not end in time");
             }),
      again_(loop, [this] { cancel(); }) {}

void pg_connection::open() {
  state_ = state::opening;
  reached_ = phase::resolving;
  limit_.start(options_.connect_timeout);
  attempt_ = std::make_shared<pg_connection*>(this);
  const auto now = pg_request::clock::now();
  if (options_.host.starts_with('/')) return connect({});
  names_.look_up(options_.host, now, now + options_.connect_timeout,
                 [weak = std::weak_ptr(attempt_)](std::exception_ptr error, dns::addresses found) {
                   const auto attempt = weak.lock();
                   if (!attempt) return;
                   try {
                     if (error) std::rethrow_exception(error);
                     (*attempt)->connect(found);
                   } catch (const std::exception& e) {
                     (*attempt)->lose(phase::resolving, e.what());
                   }
                 });
}

void pg_connection::connect(const dns::addresses& found) {
  reached_ = phase::connecting;
  std::vector<const char*> names, values;
  const auto parameters = parameters_of(options_, found);
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  connection_ = PQconnectStartParams(names.data(), values.data(), 0);
  if (connection_ == nullptr) return lose(reached_, "out of memory");
  if (PQstatus(connection_) == CONNECTION_BAD) return lose(reached_, message());
  PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);  // so that a refusal has its SQLSTATE
  // The default writes to the program's standard error.
  PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
  watch(fd_interest::write);
}

void pg_connection::watch(fd_interest what) {
  if (what == watched_) return;  // a watcher looks each time which socket it is
  try {
    watcher_.watch(PQsocket(connection_), what);
    watched_ = what;
  } catch (const std::system_error& e) {
    lose(state_ == state::opening ? reached_ : phase::waiting, e.what());
  }
}

void pg_connection::unwatch() {
  watcher_.stop();
  watched_ = fd_interest::none;
}

void pg_connection::log_in() {
  if (PQstatus(connection_) != CONNECTION_STARTED && PQstatus(connection_) != CONNECTION_NEEDED)
    reached_ = phase::logging_in;
  // It may close its socket, and open another, which may even have the same number.
  unwatch();
  switch (PQconnectPoll(connection_)) {
    case PGRES_POLLING_READING:
      return watch(fd_interest::read);
    case PGRES_POLLING_WRITING:
      return watch(fd_interest::write);
    case PGRES_POLLING_OK:
      break;
    default:
      return lose(reached_, message(), sqlstate_in(PQerrorMessage(connection_)));
  }
  limit_.stop();
  PQsetErrorVerbosity(connection_, PQERRORS_DEFAULT);
  PQsetnonblocking(connection_, 1);
  state_ = state::ready;
  watch(fd_interest::read);
  if (state_ == state::ready) pool_.ready();
}

void pg_connection::take_back(const std::string& why) {
  fail_request(phase::waiting, why);
  if (state_ == state::running) return give_up(why);
  break_lease(why);
  clear_up();
}

void pg_connection::run(std::shared_ptr<pg_request> request) {
  request_ = std::move(request);
  request_->on = this;
  state_ = state::running;
  drained_ = false;
  std::vector<const char*> values;
  std::vector<int> sizes, formats;
  for (const pg_parameter& p : request_->query.parameters) {
    values.push_back(p.value() ? p.value()->c_str() : nullptr);
    sizes.push_back(p.value() ? static_cast<int>(p.value()->size()) : 0);
    formats.push_back(p.is_binary() ? 1 : 0);
  }
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
  const auto request = std::exchange(request_, nullptr);
  const std::shared_ptr<PGresult> result(result_.release(), PQclear);
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

std::string pg_connection::message() const {
  std::string text = PQerrorMessage(connection_);
  if (const auto last = text.rfind("connection to server"); last != std::string::npos)
    text.erase(0, last);  // of several addresses that were tried
  return text.substr(0, text.find('\n'));
}

void pg_connection::fail_request(phase reached, const std::string& why) {
  if (!request_) return;
  request_->on = nullptr;
  request_->fail(outcome::unknown, reached, why);
  request_ = nullptr;
}

void pg_connection::lose(phase reached, const std::string& why, const std::string& sqlstate) {
  const std::string reason = why;  // which may be libpq's
  fail_request(reached, reason);
  close();
  break_lease("its connection was lost: " + reason);
  pool_.lost(reached, reason, sqlstate);
}

void pg_connection::break_lease(const std::string& why) {
  if (lessee_ != nullptr) std::exchange(lessee_, nullptr)->broken(why);
}

void pg_connection::close() {
  state_ = state::closed;
  limit_.stop();
  again_.stop();
  attempt_ = nullptr;
  cancel_ = nullptr;
  result_ = nullptr;
  unwatch();
  PQfinish(std::exchange(connection_, nullptr));
}

}  // namespace loopbridge::clients::detail
