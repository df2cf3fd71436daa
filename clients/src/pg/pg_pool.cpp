#include "pg/pg_pool.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "loopbridge/uv/owned.hpp"
#include "pg/once_at_a_time.hpp"
#include "pg/pg_lease.hpp"

namespace loopbridge::clients::detail {
namespace {

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

pg_options checked(pg_options o) {
  if (o.connections <= 0)
    throw std::invalid_argument("pg_options::connections must be more than 0");
  if (o.host.empty()) throw std::invalid_argument("pg_options::host must be given");
  if (o.port <= 0 || o.port > 65535)
    throw std::invalid_argument("pg_options::port must be between 1 and 65535");
  if (o.timeout.count() <= 0 || o.connect_timeout.count() <= 0 || o.cancel_timeout.count() <= 0 ||
      o.transaction_idle.count() <= 0 || o.keepalive.count() <= 0)
    throw std::invalid_argument(
        "pg_options: timeout, connect_timeout, cancel_timeout, transaction_idle and keepalive must "
        "be more than 0");
  // libpq would cut them there. A password stays out of the message.
  bool cut = has_nul(o.host) || has_nul(o.user) || has_nul(o.password) || has_nul(o.database);
  for (const auto& [name, value] : o.parameters) cut = cut || has_nul(name) || has_nul(value);
  if (cut)
    throw std::invalid_argument(
        "pg_options: there is a zero byte in host, user, password, database or parameters");
  return o;
}

/// Would the server say so again, however often it is asked? Wrong password, no such user, no such
/// database: not that it starts, stops or is full.
bool is_final(const std::string& sqlstate) {
  return sqlstate.starts_with("28") || sqlstate.starts_with("3D");
}

std::string begin_of(const pg_transaction_options& how) {
  std::string text = "BEGIN";
  switch (how.isolation) {
    case pg_isolation::of_the_server:
      break;
    case pg_isolation::read_committed:
      text += " ISOLATION LEVEL READ COMMITTED";
      break;
    case pg_isolation::repeatable_read:
      text += " ISOLATION LEVEL REPEATABLE READ";
      break;
    case pg_isolation::serializable:
      text += " ISOLATION LEVEL SERIALIZABLE";
      break;
  }
  return how.read_only ? text + " READ ONLY" : text;
}

}  // namespace

std::string peer_of(const pg_options& options) {
  return "pg " + options.host + ":" + std::to_string(options.port);
}

pg_pool::pg_pool(bridge_ref bridge, loop_ref loop, pg_options options)
    : bridge_(std::move(bridge)),
      options_(checked(std::move(options))),
      waiting_(loop, peer_of(options_), [this](pg_request& late) { fail_late(late); }),
      names_(loop, options_.dns),
      pause_(loop, [this] { dispatch(); }) {
  pg_listener& self = *this;
  for (int n = 0; n < options_.connections; ++n)
    connections_.push_back(std::make_unique<pg_connection>(loop, options_, names_, self));
}

pg_pool::~pg_pool() {
  waiting_.fail_all(phase::queued, "the client was destroyed");
}

deferred<pg_answer> pg_pool::run(pg_query query, pg_period when) {
  auto answer = waiting_.add<pg_answer>(std::move(query), false, when, answer_of);
  dispatch();
  return answer;
}

deferred<pg_transaction> pg_pool::begin(pg_transaction_options how, pg_period when) {
  // Made when BEGIN is answered, on the connection where that was. Its waiter may have gone by
  // then: the connection, which is lent to nobody, rolls back.
  const auto make = [this](const pg_request& r, const std::shared_ptr<PGresult>&) {
    const auto lease = [&](loop_ref loop) {
      return pg_lease(loop, *r.on, waiting_.peer(), options_.transaction_idle);
    };
    return pg_transaction(options_.timeout, waiting_.peer(),
                          std::make_unique<owned<pg_lease>>(bridge_, lease));
  };
  auto answer = waiting_.add<pg_transaction>(begin_of(how), true, when, make);
  dispatch();
  return answer;
}

void pg_pool::ready() {
  backoff_.reset();
  last_failure_.clear();
  dispatch();
}

void pg_pool::dispatch() {
  // What it calls may come back here: that only goes on with what is done below.
  const once_at_a_time call(dispatching_);
  if (call.is_inner()) return;
  while (!waiting_.is_empty()) {
    pg_connection* const free = find(&pg_connection::is_free);
    if (free == nullptr) break;
    free->run(waiting_.take());
  }
  std::size_t opening = 0;
  for (const auto& c : connections_) opening += c->is_opening() ? 1 : 0;
  while (!pause_.is_active() && opening < waiting_.size()) {
    pg_connection* const closed = find(&pg_connection::is_closed);
    if (closed == nullptr) break;
    closed->open();
    ++opening;
  }
}

pg_connection* pg_pool::find(bool (pg_connection::*is)() const noexcept) const {
  for (const auto& c : connections_) {
    if (((*c).*is)()) return c.get();
  }
  return nullptr;
}

void pg_pool::fail_late(pg_request& late) const {
  if (!last_failure_.empty())
    return late.fail<request_timed_out>(outcome::not_sent, last_reached_,
                                        "timed out, without a connection (" + last_failure_ + ")");
  const auto lent = std::count_if(connections_.begin(), connections_.end(),
                                  [](const auto& c) { return c->is_lent(); });
  late.fail<request_timed_out>(
      outcome::not_sent, phase::queued,
      lent == 0 ? "timed out"
                : "timed out, as transactions have " + std::to_string(lent) + " of the " +
                      std::to_string(connections_.size()) + " connections");
}

void pg_pool::lost(phase reached, const std::string& why, const std::string& sqlstate) {
  last_failure_ = why;
  last_reached_ = reached;
  if (!pause_.is_active()) pause_.start(backoff_.next());
  if (!is_final(sqlstate)) return;
  // Those that are in already go on, and serve what waits.
  for (const auto& c : connections_) {
    if (!c->is_closed() && !c->is_opening()) return;
  }
  waiting_.fail_all<pg_error>(reached, why, sqlstate);
}

}  // namespace loopbridge::clients::detail
