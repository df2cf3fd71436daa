// The link's subscriptions: those that are wanted, and those that a connection has.
#include <algorithm>

#include "link.hpp"
#include "message.hpp"

namespace loopbridge::clients {

using std::chrono::steady_clock;

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

// nats.c's callbacks, on threads of its own.

void nats_link::on_message(natsConnection*, natsSubscription*, natsMsg* message, void* at) {
  const std::unique_ptr<natsMsg, decltype(&natsMsg_Destroy)> kept(message, &natsMsg_Destroy);
  const auto sub = static_cast<instance*>(at)->listener.lock();
  if (!sub || sub->closed) return;
  try {
    sub->deliver(from_native(message));
  } catch (...) {  // no memory, or the bridge has stopped: a message fewer
    ++sub->dropped;
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

// The link's thread.

/// Makes nats.c's subscriptions those that are wanted. All memory is taken first: what throws must
/// not have the lock and be the last that holds a handler.
void nats_link::follow_subscriptions(lock& held) {
  subs_changed_ = false;
  std::list<instance> wanted;
  {
    auto missing = subs_;
    for (const instance& i : instances_) missing.erase(i.sub.get());
    for (const auto& [raw, sub] : missing) wanted.push_back(instance{this, sub, sub});
  }
  // Only this thread adds to the list or takes from it: so it may look at it without the lock.
  for (instance& i : instances_) {
    if (subs_.count(i.sub.get()) == 0 && !i.ending) {
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
  while (!wanted.empty()) {
    const auto first = wanted.begin();
    if (subs_.count(first->sub.get()) == 0) {  // it was ended meanwhile
      ended.splice(ended.end(), wanted, first);
      continue;
    }
    instances_.splice(instances_.end(), wanted, first);
    held.unlock();
    const natsStatus s = subscribe_native(*first);
    held.lock();
    if (s == NATS_OK) continue;
    // The connection is lost; or there is no memory, and another one is made. Where only the second
    // call has failed, a callback may be running.
    broken_ = broken_ || s == NATS_NO_MEMORY;
    first->over = true;
    auto& to = first->native != nullptr ? zombies_ : ended;
    to.splice(to.end(), instances_, first);
    without_lock(held, [&] { first->sub = nullptr; });
  }
  without_lock(held, [&] { ended.clear(); });
}

natsStatus nats_link::subscribe_native(instance& i) noexcept {
  const char* const subject = i.sub->subject.c_str();
  const char* const queue = i.sub->queue.empty() ? nullptr : i.sub->queue.c_str();
  natsStatus s =
      queue == nullptr
          ? natsConnection_Subscribe(&i.native, connection_, subject, &on_message, &i)
          : natsConnection_QueueSubscribe(&i.native, connection_, subject, queue, &on_message, &i);
  if (s == NATS_OK) s = natsSubscription_SetOnCompleteCB(i.native, &on_complete, &i);
  return s;
}

}  // namespace loopbridge::clients
