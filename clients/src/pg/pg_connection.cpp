#include "pg/pg_connection.hpp"

#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "pg/pg_login.hpp"

namespace loopbridge::clients::detail {

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
                 try {
                   if (state_ == state::opening) return log_in();
                   serve(e.readable || e.error != 0);
                 } catch (const std::bad_alloc&) {  // in the middle of whatever it was
                   if (state_ != state::closed)
                     lose(state_ == state::opening ? reached_ : phase::waiting, "no memory");
                 }
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
  names_.look_up(
      options_.host, now,
      loopbridge::detail::end_of(now, loopbridge::detail::in_nanoseconds(options_.connect_timeout)),
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

std::string pg_connection::message() const {
  std::string text = PQerrorMessage(connection_);
  if (const auto last = text.rfind("connection to server"); last != std::string::npos)
    text.erase(0, last);  // of several addresses that were tried
  return text.substr(0, text.find('\n'));
}

void pg_connection::lose(phase reached, const std::string& why, const std::string& sqlstate) {
  const std::string reason = why;  // which may be libpq's
  fail_request(reached, reason);
  close();
  break_lease("its connection was lost: " + reason);
  pool_.lost(reached, reason, sqlstate);
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
