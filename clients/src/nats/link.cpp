#include "link.hpp"

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "message.hpp"

namespace loopbridge::clients {
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// For what may be a handler's end: that destroys what the program has put into it, which may be
/// another subscription of this link, and that takes the lock.
template <class F>
void without_lock(std::unique_lock<std::mutex>& held, F&& f) {
  held.unlock();
  f();
  held.lock();
}

}  // namespace

nats_link::nats_link(nats_options options, on_ended ended)
    : options_(std::move(options)),
      ended_(std::move(ended)),
      inbox_(make_inbox()),
      peer_(peer_of(options_)),
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

void nats_link::subscribe(std::shared_ptr<nats_sub> sub) {
  const std::lock_guard held(mutex_);
  subs_.emplace(sub.get(), std::move(sub));
  subs_changed_ = true;
  changed_.notify_all();
}

void nats_link::unsubscribe(const std::shared_ptr<nats_sub>& sub) noexcept {
  const std::lock_guard held(mutex_);
  sub->closed = true;
  subs_.erase(sub.get());
  subs_changed_ = true;
  changed_.notify_all();
}

bool nats_link::drain(const std::shared_ptr<nats_sub>& sub, steady_clock::time_point until) {
  lock held(mutex_);
  subs_.erase(sub.get());
  subs_changed_ = true;
  changed_.notify_all();
  return changed_.wait_until(held, until, [&] {
    return std::none_of(instances_.begin(), instances_.end(),
                        [&](const instance& i) { return i.sub == sub && !i.over; });
  });
}

void nats_link::close() noexcept {
  const std::lock_guard held(mutex_);
  closing_ = true;
  for (const auto& [raw, sub] : subs_) sub->closed = true;
  subs_.clear();
  changed_.notify_all();
}

std::string nats_link::trouble() const {
  const std::lock_guard held(mutex_);
  return trouble_;
}

// nats.c's callbacks, on threads of its own.

void nats_link::on_message(natsConnection*, natsSubscription*, natsMsg* message, void* at) {
  const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> kept(message, &natsMsg_Destroy);
  nats_sub& sub = *static_cast<instance*>(at)->sub;
  if (sub.closed) return;
  try {
    sub.deliver(from_native(message));
  } catch (...) {  // no memory, or the bridge has stopped: a message fewer
    ++sub.dropped;
  }
}

void nats_link::on_complete(void* at) {
  auto& i = *static_cast<instance*>(at);
  nats_link& link = *i.link;
  const std::lock_guard held(link.mutex_);
  i.over = true;
  link.subs_changed_ = true;  // else its handler would be kept until another subscription changes
  link.changed_.notify_all();
}

void nats_link::on_closed(natsConnection*, void* self) {
  auto& link = *static_cast<nats_link*>(self);
  const std::lock_guard held(link.mutex_);
  link.connected_ = false;
  link.lost_ = true;
  link.changed_.notify_all();
}

// The link's thread.

void nats_link::run() noexcept {
  try {
    work();
  } catch (...) {
    refuse_all({outcome::not_sent, phase::queued, "no memory"});
  }
  lock held(mutex_);
  closing_ = true;
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
      const job_ptr job = std::move(jobs_.front());
      jobs_.pop_front();
      held.unlock();
      send(job);
      held.lock();
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
  trouble_ = natsStatus_GetText(s);
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
  trouble_ = "the connection was lost";
  without_lock(held, [&] { ended.clear(); });
}

/// Makes nats.c's subscriptions those that are wanted.
void nats_link::follow_subscriptions(lock& held) {
  subs_changed_ = false;
  auto wanted = subs_;
  // Only this thread adds to the list or takes from it: so it may look at it without the lock.
  for (instance& i : instances_) {
    const bool is_wanted = wanted.erase(i.sub.get()) != 0;
    if (!is_wanted && !i.ending) {
      i.ending = true;
      held.unlock();
      // A subscription that is merely closed has its callback ended soon; the other delivers first.
      i.sub->closed ? natsSubscription_Unsubscribe(i.native) : natsSubscription_Drain(i.native);
      held.lock();
    }
  }
  std::list<instance> ended;
  for (auto i = instances_.begin(); i != instances_.end();) {
    const auto next = std::next(i);
    if (i->over) {
      natsSubscription_Destroy(i->native);
      ended.splice(ended.end(), instances_, i);
    }
    i = next;
  }
  for (const auto& [raw, sub] : wanted) {
    if (subs_.count(raw) == 0) continue;  // it was ended meanwhile
    instance& made = instances_.emplace_back(instance{this, sub});
    held.unlock();
    natsStatus s =
        sub->queue.empty()
            ? natsConnection_Subscribe(&made.native, connection_, sub->subject.c_str(), &on_message,
                                       &made)
            : natsConnection_QueueSubscribe(&made.native, connection_, sub->subject.c_str(),
                                            sub->queue.c_str(), &on_message, &made);
    if (s == NATS_OK) s = natsSubscription_SetOnCompleteCB(made.native, &on_complete, &made);
    held.lock();
    if (s == NATS_OK) continue;
    // The connection is lost. Where only the second has failed, a callback may be running.
    made.over = true;
    zombies_.splice(zombies_.end(), instances_, std::prev(instances_.end()));
  }
  without_lock(held, [&] { ended.clear(), wanted.clear(); });
}

void nats_link::send(const job_ptr& job) {
  // Late where the loop is blocked, too, which will say so.
  if (job->due <= steady_clock::now() || !job->take()) return;
  const natsStatus s = write(*job);
  if (s == NATS_OK) {
    ended_(job, nullptr);
    return;
  }
  if (s == NATS_CONNECTION_CLOSED) {
    // Nothing was written. The next connection sends it, if its deadline has not passed then.
    const std::lock_guard held(mutex_);
    if (job->give_back()) jobs_.push_front(job);
    broken_ = true;
    return;
  }
  nats_failure f{outcome::not_sent, phase::queued, natsStatus_GetText(s)};
  if (s == NATS_MAX_PAYLOAD) {
    f.why = "the message is longer than the server takes (its max_payload is " +
            std::to_string(natsConnection_GetMaxPayload(connection_)) + " bytes)";
  } else if (s == NATS_TIMEOUT || s == NATS_IO_ERROR || s == NATS_SSL_ERROR) {
    f.result = outcome::unknown;
    f.reached = phase::waiting;
    if (job->what != nats_job::kind::flush) natsConnection_Close(connection_);  // half a message
  }
  ended_(job, &f);
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
    if (job->take()) ended_(job, &why);
  }
}

}  // namespace loopbridge::clients
