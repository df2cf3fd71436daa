#include "pg/pg_pool.hpp"

#include <stdexcept>
#include <utility>

namespace loopbridge::clients::detail {
namespace {

pg_options checked(pg_options o) {
  if (o.connections <= 0)
    throw std::invalid_argument("pg_options::connections must be more than 0");
  if (o.host.empty()) throw std::invalid_argument("pg_options::host must be given");
  if (o.port <= 0 || o.port > 65535)
    throw std::invalid_argument("pg_options::port must be between 1 and 65535");
  if (o.connect_timeout.count() <= 0 || o.cancel_timeout.count() <= 0 || o.keepalive.count() <= 0)
    throw std::invalid_argument(
        "pg_options: connect_timeout, cancel_timeout and keepalive must be more than 0");
  return o;
}

/// Would the server say so again, however often it is asked? Wrong password, no such user, no such
/// database: not that it starts, stops or is full.
bool is_final(const std::string& sqlstate) {
  return sqlstate.starts_with("28") || sqlstate.starts_with("3D");
}

}  // namespace

pg_pool::pg_pool(loop_ref loop, pg_options options)
    : options_(checked(std::move(options))),
      peer_("pg " + options_.host + ":" + std::to_string(options_.port)),
      deadlines_(loop, [this](pg_request& late) { expire(late); }),
      names_(loop, options_.dns),
      pause_(loop, [this] { dispatch(); }) {
  pg_listener& self = *this;
  for (int n = 0; n < options_.connections; ++n)
    connections_.push_back(std::make_unique<pg_connection>(loop, options_, names_, self));
}

pg_pool::~pg_pool() {
  for (const auto& request : waiting_)
    request->fail(outcome::not_sent, phase::queued, "the client was destroyed");
}

deferred<pg_answer> pg_pool::run(pg_query query, pg_request::clock::time_point since,
                                 pg_request::clock::time_point due) {
  if (query.text.find('\0') != std::string::npos)
    throw std::invalid_argument("a query ends at a NUL: pass such values as parameters");
  for (const pg_parameter& p : query.parameters) {
    if (p.value() && !p.is_binary() && p.value()->find('\0') != std::string::npos)
      throw std::invalid_argument(
          "a text parameter ends at a NUL: pass it as pg_parameter::bytes(...)");
  }
  auto r = std::make_shared<pg_request>(std::move(query), since, peer_, deadlines_);
  auto answer = r->done.get_deferred();
  if (due <= pg_request::clock::now()) {
    r->fail<request_timed_out>(outcome::not_sent, phase::queued, "timed out");
    return answer;
  }
  r->deadline = deadlines_.add(due, *r);
  r->place = waiting_.insert(waiting_.end(), r);
  // One that waits leaves when its turn comes. Weak: both lists go with the pool.
  r->done.on_cancel([weak = std::weak_ptr(r)] {
    if (const auto cancelled = weak.lock(); cancelled && cancelled->on) cancelled->on->give_up();
  });
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
  if (std::exchange(dispatching_, true)) return;
  while (!waiting_.empty()) {
    if (waiting_.front()->done.is_cancelled()) {
      take(*waiting_.front())->forget_deadline();
      continue;
    }
    pg_connection* const free = find(&pg_connection::is_ready);
    if (free == nullptr) break;
    free->run(take(*waiting_.front()));
  }
  std::size_t opening = 0;
  for (const auto& c : connections_) opening += c->is_opening() ? 1 : 0;
  while (!pause_.is_active() && opening < waiting_.size()) {
    pg_connection* const closed = find(&pg_connection::is_closed);
    if (closed == nullptr) break;
    closed->open();
    ++opening;
  }
  dispatching_ = false;
}

pg_connection* pg_pool::find(bool (pg_connection::*is)() const noexcept) const {
  for (const auto& c : connections_) {
    if (((*c).*is)()) return c.get();
  }
  return nullptr;
}

std::shared_ptr<pg_request> pg_pool::take(pg_request& waiting) {
  auto taken = std::move(*waiting.place);
  waiting_.erase(waiting.place);
  return taken;
}

void pg_pool::expire(pg_request& late) {
  late.deadline.reset();
  if (late.on != nullptr) {
    late.fail<request_timed_out>(outcome::unknown, phase::waiting, "timed out");
    return late.on->give_up();
  }
  const auto r = take(late);
  if (last_failure_.empty())
    return r->fail<request_timed_out>(outcome::not_sent, phase::queued, "timed out");
  r->fail<request_timed_out>(outcome::not_sent, last_reached_,
                             "timed out, without a connection (" + last_failure_ + ")");
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
  while (!waiting_.empty())
    take(*waiting_.front())->fail<pg_error>(outcome::not_sent, reached, why, sqlstate);
}

}  // namespace loopbridge::clients::detail
