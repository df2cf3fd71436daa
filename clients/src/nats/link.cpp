#include "link.hpp"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "message.hpp"

namespace loopbridge::clients {
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

std::string with_room(std::size_t size) {
  std::string empty;
  empty.reserve(size);
  return empty;
}

/// Of the calling thread's last error of that kind, without the place in nats.c that is before it.
std::string_view reason_of_tls() noexcept {
  natsStatus unused;
  const char* const text = nats_GetLastError(&unused);
  const std::string_view whole = text != nullptr ? text : natsStatus_GetText(NATS_SSL_ERROR);
  const std::size_t place = whole.find("): ");
  return place == whole.npos ? whole : whole.substr(place + 3);
}

}  // namespace

nats_link::nats_link(nats_options options, on_ended ended)
    : options_(std::move(options)),
      ended_(std::move(ended)),
      inbox_(make_inbox()),
      peer_(peer_of(options_)),
      trouble_(with_room(longest_trouble)),
      native_options_(make_native(options_)) {
  // Made last: nothing throws any more.
  natsOptions_SetClosedCB(native_options_, &on_closed, this);
}

nats_link::~nats_link() {
  natsOptions_Destroy(native_options_);
}

void nats_link::start() {
  // Detached: nobody waits for it, as it may wait for a server. It holds what it uses.
  std::thread([self = shared_from_this()]() noexcept { self->run(); }).detach();
}

void nats_link::push(job_ptr job) {
  const std::lock_guard held(mutex_);
  jobs_.push_back(std::move(job));
  changed_.notify_all();
}

void nats_link::close() noexcept {
  const std::lock_guard held(mutex_);
  closing_ = true;
  for (const auto& [raw, sub] : subs_) sub->closed = true;
  subs_.clear();
  changed_.notify_all();
}

/// Takes no memory: there is room for the longest.
void nats_link::set_trouble(std::string_view text) noexcept {
  trouble_.assign(text.substr(0, longest_trouble));
}

std::string nats_link::trouble() const {
  const std::lock_guard held(mutex_);
  return trouble_;
}

// nats.c's callback, on a thread of its own.

void nats_link::on_closed(natsConnection*, void* self) {
  auto& link = *static_cast<nats_link*>(self);
  const std::lock_guard held(link.mutex_);
  link.connected_ = false;
  link.lost_ = true;
  link.changed_.notify_all();
}

// The link's thread.

/// Goes on where there was no memory: what is queued stays there, and the next connection has the
/// subscriptions that this one lacks.
void nats_link::run() noexcept {
  lock held(mutex_, std::defer_lock);
  for (bool ended = false; !ended;) {
    try {
      work();
      ended = true;
    } catch (const std::exception&) {
      held.lock();
      broken_ = connection_ != nullptr;
      changed_.wait_for(held, backoff_.next(), [&] { return closing_; });
      held.unlock();
    }
  }
  held.lock();
  disconnect(held);
}

void nats_link::work() {
  lock held(mutex_);
  while (!closing_) {
    if (lost_ || broken_) disconnect(held);
    if (connection_ == nullptr) {
      held.unlock();
      const bool there = connect();
      held.lock();
      if (!there) changed_.wait_for(held, backoff_.next(), [&] { return closing_; });
      continue;
    }
    if (subs_changed_) {
      follow_subscriptions(held);
    } else if (!jobs_.empty()) {
      const job_ptr job = jobs_.front();  // only this thread takes one out
      held.unlock();
      const bool done = send(job);
      held.lock();
      if (done) jobs_.pop_front();
    } else {
      changed_.wait(held, [&] { return closing_ || lost_ || subs_changed_ || !jobs_.empty(); });
    }
  }
  // What was published before the client went may still be in nats.c's buffer.
  const bool connected = connected_;
  held.unlock();
  if (connected) natsConnection_FlushTimeout(connection_, options_.connect_timeout.count());
}

bool nats_link::connect() {
  const natsStatus s = natsConnection_Connect(&connection_, native_options_);
  lock held(mutex_);
  subs_changed_ = true;
  if (s == NATS_OK) {
    connected_ = !lost_;
    trouble_.clear();
    backoff_.reset();
    return true;
  }
  lost_ = false;
  connection_ = nullptr;
  set_trouble(s == NATS_SSL_ERROR ? reason_of_tls() : natsStatus_GetText(s));
  held.unlock();
  if (s == NATS_CONNECTION_AUTH_FAILED)
    refuse_all({outcome::not_sent, phase::logging_in, "the server refuses the user or password"});
  return false;
}

/// Ends the connection, and waits until nats.c calls no callback of its subscriptions any more: a
/// message of this connection comes before all of the next.
void nats_link::disconnect(lock& held) {
  connected_ = false;
  if (connection_ == nullptr) return;
  held.unlock();
  for (instance& i : instances_) natsSubscription_Destroy(i.native);
  for (instance& i : zombies_) natsSubscription_Destroy(std::exchange(i.native, nullptr));
  natsConnection_Destroy(std::exchange(connection_, nullptr));  // on_closed() has run then, or will
  held.lock();
  changed_.wait(held, [&] {
    return lost_ && std::all_of(instances_.begin(), instances_.end(),
                                [](const instance& i) { return i.over; });
  });
  std::list<instance> ended;
  ended.swap(instances_);
  lost_ = broken_ = false;
  set_trouble("the connection was lost");
  without_lock(held, [&] { ended.clear(); });
}

/// False: nothing was written, and the next connection is to send it, if there is time left then.
bool nats_link::send(const job_ptr& job) noexcept {
  // Late where the loop is blocked, too, which will say so.
  if (job->due <= steady_clock::now() || !job->take()) return true;
  natsStatus s = NATS_NO_MEMORY;
  try {
    s = write(*job);
  } catch (const std::exception&) {  // before it was written
  }
  if (s == NATS_OK) {
    ended_(job, std::nullopt);
    return true;
  }
  if (s == NATS_CONNECTION_CLOSED) {
    broken_ = true;
    return !job->give_back();
  }
  nats_failure f{outcome::not_sent, phase::queued, {}};
  if (s == NATS_TIMEOUT || s == NATS_IO_ERROR || s == NATS_SSL_ERROR) {
    f.result = outcome::unknown;
    f.reached = phase::waiting;
    if (job->what != nats_job::kind::flush) natsConnection_Close(connection_);  // half a message
  }
  try {
    f.why = natsStatus_GetText(s);
    if (s == NATS_MAX_PAYLOAD) {
      f.why = "the message is longer than the server takes (its max_payload is " +
              std::to_string(natsConnection_GetMaxPayload(connection_)) + " bytes)";
    }
  } catch (const std::bad_alloc&) {  // what it has will do
  }
  ended_(job, std::move(f));
  return true;
}

natsStatus nats_link::write(nats_job& job) {
  if (job.what == nats_job::kind::flush) {
    const auto left = std::chrono::ceil<milliseconds>(
        std::min<steady_clock::duration>(job.due - steady_clock::now(), std::chrono::hours(1)));
    return natsConnection_FlushTimeout(connection_, std::max<std::int64_t>(left.count(), 1));
  }
  const native_message m = to_native(job.message, job.token.empty() ? "" : inbox_ + job.token);
  natsStatus s = natsConnection_PublishMsg(connection_, m.get());
  // Of what its flusher has met.
  const char* text = nullptr;
  const natsStatus earlier = natsConnection_GetLastError(connection_, &text);
  if (s == NATS_OK && (earlier == NATS_TIMEOUT || earlier == NATS_IO_ERROR)) s = earlier;
  return s;
}

void nats_link::refuse_all(const nats_failure& why) {
  std::deque<job_ptr> all;
  {
    const std::lock_guard held(mutex_);
    all.swap(jobs_);
  }
  for (const job_ptr& job : all) {
    if (job->take()) ended_(job, why);
  }
}

}  // namespace loopbridge::clients
