#include "pg/pg_queue.hpp"

#include <limits>
#include <stdexcept>

#include "pg/pg_connection.hpp"

namespace loopbridge::clients::detail {

// libpq takes the size of a value as an int: a larger one would be negative, or cut.
void check_parameter_size(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw std::invalid_argument("a parameter of " + std::to_string(bytes) +
                                " bytes: the protocol takes 2147483647, so pass it in parts");
}

pg_queue::pg_queue(loop_ref loop, std::string peer, std::function<void(pg_request&)> late)
    : peer_(std::move(peer)),
      late_(std::move(late)),
      deadlines_(loop, [this](pg_request& r) { expire(r); }) {}

void pg_queue::check(const pg_query& query) {
  if (query.text.find('\0') != std::string::npos)
    throw std::invalid_argument("a query ends at a NUL: pass such values as parameters");
  for (const pg_parameter& p : query.parameters) {
    if (!p.value()) continue;
    check_parameter_size(p.value()->size());
    if (!p.is_binary() && p.value()->find('\0') != std::string::npos)
      throw std::invalid_argument(
          "a text parameter ends at a NUL: pass it as pg_parameter::bytes(...)");
  }
}

void pg_queue::enter(std::shared_ptr<pg_request> r, pg_request::clock::time_point due) {
  if (due <= pg_request::clock::now())
    return r->fail<request_timed_out>(outcome::not_sent, phase::queued, "timed out");
  r->deadline = deadlines_.add(due, *r);
  r->place = waiting_.insert(waiting_.end(), r);
}

bool pg_queue::is_empty() {
  while (!waiting_.empty() && waiting_.front()->is_cancelled()) take()->forget_deadline();
  return waiting_.empty();
}

std::shared_ptr<pg_request> pg_queue::take(pg_request& waiting) {
  auto taken = std::move(*waiting.place);
  waiting_.erase(waiting.place);
  return taken;
}

void pg_queue::give_up(const std::shared_ptr<pg_request>& cancelled) {
  if (cancelled && cancelled->on) cancelled->on->give_up();
}

void pg_queue::expire(pg_request& late) {
  late.deadline.reset();
  if (late.on == nullptr) return late_(*take(late));
  late.fail<request_timed_out>(outcome::unknown, phase::waiting, "timed out");
  late.on->give_up();
}

}  // namespace loopbridge::clients::detail
