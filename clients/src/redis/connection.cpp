#include "redis/connection.hpp"

#include <sys/socket.h>

#include <exception>
#include <initializer_list>
#include <stdexcept>
#include <utility>

#include "redis/wire_text.hpp"

namespace loopbridge::clients::detail {
namespace {

/// Errors of a log-in that pass by themselves: the server loads its data, runs a script, or is a
/// replica that has lost its master.
bool passes(std::string_view error) {
  return error.starts_with("LOADING") || error.starts_with("BUSY") ||
         error.starts_with("MASTERDOWN");
}

}  // namespace

std::string peer_of(const redis_options& options) {
  return "redis " + options.host +
         (options.host.starts_with('/') ? "" : ":" + std::to_string(options.port));
}

redis_connection::redis_connection(loop_ref loop, redis_options options)
    : options_(std::move(options)),
      peer_(peer_of(options_)),
      loop_(loop),
      deadlines_(loop, [this](redis_request& r) { on_deadline(r); }),
      timer_(loop,
             [this] {
               if (stage_ == phase::queued) return connect();
               lost("no answer within " + std::to_string(options_.connect_timeout.count()) + " ms");
             }),
      end_of_turn_(loop, [this] {
        if (may_write()) write(clock::now());
      }) {
  connect();
}

redis_connection::~redis_connection() {
  fail_all(sent_, outcome::unknown, reached(), "the client was destroyed");
  fail_all(queue_, outcome::not_sent, reached(), "the client was destroyed");
}

void redis_connection::connect() {
  stage_ = phase::connecting;
  timer_.start(options_.connect_timeout);
  connector_ = std::make_unique<connector>(loop_, [this](descriptor d, const std::string& why) {
    connector_.reset();
    if (!d) return lost(why);
    log_in(std::move(d));
  });
  connector_->start(options_.host, options_.port);  // which may end it at once
}

/// The log-in ends with a PING, because a server that is frozen accepts connections, too: no
/// command is sent, and perhaps lost, before it has answered.
void redis_connection::log_in(descriptor connected) {
  socket_ = std::move(connected);
  keep_alive(socket_.get(), options_.keepalive);
  reader_.emplace();  // the old one may be in the middle of an answer
  offset_ = 0;
  stage_ = phase::logging_in;
  log_in_answers_ = 0;
  std::string commands;
  const auto say = [&](std::initializer_list<std::string_view> words) {
    commands += wire_text({words.begin(), words.size()});
    ++log_in_answers_;
  };
  if (!options_.user.empty()) {
    say({"AUTH", options_.user, options_.password});
  } else if (!options_.password.empty()) {
    say({"AUTH", options_.password});
  }
  if (options_.database != 0) say({"SELECT", std::to_string(options_.database)});
  say({"PING"});
  watched_ = fd_interest::none;
  try {
    watcher_.emplace(loop_, [this](fd_events events) { on_ready(events); });
    watch(fd_interest::read);
  } catch (const std::exception& e) {  // no descriptor left, say
    return lost(e.what());
  }
  // A new socket has room for that.
  const ssize_t size = ::send(socket_.get(), commands.data(), commands.size(), MSG_NOSIGNAL);
  if (size != static_cast<ssize_t>(commands.size())) lost("the log-in could not be sent");
}

/// Throws   std::runtime_error: the connection is of no use
void redis_connection::take_log_in_answer(const redis_reply& answer) {
  if (answer.type() == redis_reply::kind::error) {
    const std::string& refusal = answer.error();
    if (!passes(refusal)) {
      // It will be refused again: whoever waits learns why, and need not wait for a deadline.
      requests all;
      all.swap(queue_);
      for (redis_request& r : all) {
        deadlines_.drop(r.entry);
        fail<redis_error>(r, outcome::not_sent, phase::logging_in, refusal);
      }
    }
    throw std::runtime_error(refusal);
  }
  if (--log_in_answers_ > 0) return;
  stage_ = phase::waiting;
  timer_.stop();
  backoff_.reset();
  write(clock::now());
}

/// The connection, or the attempt to make one, has ended. What was not sent waits for the next.
void redis_connection::lost(const std::string& why) {
  const phase during = reached();
  connector_.reset();
  watcher_.reset();
  socket_.close();
  stage_ = phase::queued;
  timer_.start(backoff_.next());
  // From here on there may be no memory: the next attempt is on its way.
  requests unanswered;
  unanswered.swap(sent_);
  fail_all(unanswered, outcome::unknown, during, why);
  failure_ = why;
}

phase redis_connection::reached() const noexcept {
  if (stage_ == phase::connecting && connector_) return connector_->reached();
  if (stage_ == phase::waiting && reader_->is_inside()) return phase::reading;
  return stage_;
}

}  // namespace loopbridge::clients::detail
