#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "redis/connection.hpp"

namespace loopbridge::clients::detail {
namespace {

/// How many commands one system call writes at most, and how much is read before the loop may do
/// something else.
constexpr std::size_t most_written = 64;
constexpr int most_reads = 16;

std::string last_error() {
  return std::generic_category().message(errno);
}

}  // namespace

deferred<redis_reply> redis_connection::add(requests&& one) {
  redis_request& r = one.front();
  r.self = one.begin();
  deferred<redis_reply> answer = r.done.get_deferred();
  const clock::time_point now = clock::now();
  if (r.due <= now) {  // the loop was busy for so long
    fail<request_timed_out>(r, outcome::not_sent, phase::queued, "the deadline passed");
    return answer;
  }
  r.entry = deadlines_.add(r.due, r);
  queue_.splice(queue_.end(), one);
  // Written together at the end of the turn, as that wakes the server once for all: of 4 threads it
  // then reads 3.5 commands at once, and 1.6 where each is written by itself.
  if (may_write() && !end_of_turn_.is_active()) end_of_turn_.start(clock::duration::zero());
  return answer;
}

void redis_connection::on_ready(const fd_events& events) {
  if (events.error != 0) return lost(uv_strerror(events.error));
  if (events.writable && stage_ == phase::waiting) write(clock::now());
  if (events.readable) read();
}

/// Writes what is queued, as far as the socket has room.
void redis_connection::write(clock::time_point now) {
  std::array<iovec, most_written> parts;
  while (const std::size_t count = gather(parts, now)) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t size = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (size >= 0) {
      written(static_cast<std::size_t>(size), now);
    } else if (errno == EAGAIN) {
      return watch(fd_interest::both);
    } else if (errno != EINTR) {
      // Answers may have come before it broke. Reading finds the error as well.
      return watch(fd_interest::read);
    }
  }
  watch(fd_interest::read);
}

/// What is to be written next. On the way it drops commands that nobody wants any more.
std::size_t redis_connection::gather(std::span<iovec> parts, clock::time_point now) {
  std::size_t count = 0;
  if (has_rest()) {
    std::string& bytes = sent_.back().bytes;
    parts[count++] = {bytes.data() + offset_, bytes.size() - offset_};
  }
  for (auto next = queue_.begin(); next != queue_.end() && count < parts.size();) {
    const auto r = next++;
    if (r->due <= now) {  // the timer is late itself
      deadlines_.drop(r->entry);
      on_deadline(*r);
    } else if (r->done.is_cancelled()) {
      deadlines_.drop(r->entry);
      queue_.erase(r);
    } else {
      parts[count++] = {r->bytes.data(), r->bytes.size()};
    }
  }
  return count;
}

void redis_connection::written(std::size_t size, clock::time_point now) {
  while (size > 0) {
    if (!has_rest()) {
      if (sent_.empty()) heard_ = now;
      queue_.front().sent = true;
      sent_.splice(sent_.end(), queue_, queue_.begin());
      offset_ = 0;
    }
    std::string& bytes = sent_.back().bytes;
    const std::size_t part = std::min(size, bytes.size() - offset_);
    offset_ += part;
    size -= part;
    if (offset_ == bytes.size()) std::string().swap(bytes);
  }
}

void redis_connection::watch(fd_interest interest) {
  if (std::exchange(watched_, interest) != interest) watcher_->watch(socket_.get(), interest);
}

void redis_connection::read() {
  std::string why;
  for (int reads = 0; reads < most_reads; ++reads) {
    const ssize_t size = ::recv(socket_.get(), buffer_->data(), buffer_->size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return lost(size < 0 ? last_error() : "the server closed the connection");
    heard_ = clock::now();
    try {
      reader_->feed(buffer_->data(), static_cast<std::size_t>(size));
      while (auto answer = reader_->next()) take(std::move(*answer));
    } catch (const std::exception& e) {
      return lost(e.what());
    }
    if (static_cast<std::size_t>(size) < buffer_->size()) return;
  }
}

/// Throws   std::runtime_error: the connection is of no use
void redis_connection::take(redis_reply answer) {
  if (stage_ == phase::logging_in) return take_log_in_answer(answer);
  if (sent_.empty() || (sent_.size() == 1 && has_rest())) {
    throw std::runtime_error(answer.type() == redis_reply::kind::error
                                 ? answer.error()
                                 : "the server sent what nobody asked for");
  }
  requests one;
  one.splice(one.end(), sent_, sent_.begin());
  redis_request& r = one.front();
  if (r.late) return;
  deadlines_.drop(r.entry);
  if (answer.type() == redis_reply::kind::error) {
    fail<redis_error>(r, outcome::answered, phase::reading, answer.error());
  } else {
    r.done.resolve(std::move(answer));
  }
}

void redis_connection::on_deadline(redis_request& r) {
  if (!r.sent) {
    std::string why = "the deadline passed";
    if (stage_ != phase::waiting && !failure_.empty()) why += " (" + failure_ + ")";
    requests one;
    one.splice(one.end(), queue_, r.self);
    return fail<request_timed_out>(r, outcome::not_sent, reached(), why);
  }
  r.late = true;
  fail<request_timed_out>(r, outcome::unknown, reached(), "the deadline passed");
  if (clock::now() - heard_ >= options_.silence)
    lost("the server has said nothing for " + std::to_string(options_.silence.count()) + " ms");
}

void redis_connection::fail_all(requests& of, outcome result, phase during, std::string_view why) {
  for (redis_request& r : of) {
    if (r.late) continue;
    deadlines_.drop(r.entry);
    fail<request_error>(r, result, during, why);
  }
  of.clear();
}

}  // namespace loopbridge::clients::detail
