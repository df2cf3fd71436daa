#include "loopbridge/clients/nats.hpp"

#include <algorithm>
#include <stdexcept>

#include "desk.hpp"
#include "loopbridge/uv/owned.hpp"
#include "message.hpp"
#include "waiting.hpp"

namespace loopbridge::clients {

/// A bridge's loop. It may outlive the bridge, and refuses then.
class nats_loop {
 public:
  explicit nats_loop(bridge& b) : core_(detail::bridge_access::core(b)) {}
  template <class F>
  void post(F&& f) const {
    detail::post_to(*core_, {}, std::forward<F>(f));
  }
  bool is_here() const noexcept { return core_->on_loop_thread(); }

 private:
  detail::core_ptr core_;
};

namespace {

using std::chrono::steady_clock;

using place_ptr = std::shared_ptr<nats_desk_place>;

/// To the desk, from nats.c's threads; once the bridge has stopped, to nowhere.
template <class F>
void tell(const std::shared_ptr<nats_loop>& loop, const place_ptr& place, F&& f) noexcept {
  try {
    loop->post([place, f = std::forward<F>(f)]() mutable {
      if (place->desk != nullptr) f(*place->desk);
    });
  } catch (...) {  // its waiters have been told, or their deadline tells them
  }
}

std::shared_ptr<nats_sub> make_sub(std::string subject, std::string queue) {
  check_subject(subject, true);
  if (!queue.empty()) check_subject(queue, false);
  auto sub = std::make_shared<nats_sub>();
  sub->subject = std::move(subject);
  sub->queue = std::move(queue);
  return sub;
}

}  // namespace

// nats_subscription

std::uint64_t nats_subscription::dropped() const noexcept {
  return sub_ ? sub_->dropped.load() : 0;
}

void nats_subscription::end() noexcept {
  if (!link_) return;
  link_->unsubscribe(sub_);
  link_.reset();
  sub_.reset();
}

void nats_subscription::drain_for(std::chrono::milliseconds timeout) {
  if (!link_) return;
  if (sub_->is_here()) {
    throw would_deadlock("nats: drain_for() waits for the handler's loop, and was called on it; " +
                         std::string("call it elsewhere, or drop the subscription"));
  }
  const auto until = steady_clock::now() + timeout;
  if (!link_->drain(sub_, until) || !sub_->wait_until_all_left(until)) {
    throw timed_out("nats: the subscription to " + sub_->subject +
                    " was not drained in time; give it more time, or drop it");
  }
  link_.reset();
  sub_.reset();
}

// nats

struct nats::impl {
  impl(bridge& on, nats_options&& o)
      : options(std::move(o)),
        loop(std::make_shared<nats_loop>(on)),
        link(std::make_shared<nats_link>(
            options,
            [loop = loop, place = place](const nats_link::job_ptr& job,
                                         std::optional<nats_failure> why) {
              // Of a request that was sent the answer is still to come.
              if (!why && job->what == nats_job::kind::request) return;
              tell(loop, place,
                   [job, why = std::move(why)](nats_desk& d) { d.ended(job.get(), why); });
            })),
        desk(on,
             [this](loop_ref at) { return nats_desk(at, link, place, options.waiting_limit); }) {
    const auto answers = make_sub(link->inbox() + "*", {});
    answers->deliver = [loop = loop, place = place](nats_message&& m) {
      tell(loop, place, [m = std::move(m)](nats_desk& d) mutable { d.answered(std::move(m)); });
    };
    link->subscribe(answers);
    link->start();
  }

  const nats_options options;
  const std::shared_ptr<nats_loop> loop;
  const place_ptr place = std::make_shared<nats_desk_place>();
  const std::shared_ptr<nats_link> link;
  owned<nats_desk> desk;
};

nats::nats(bridge& on, nats_options options) {
  check(options);
  impl_ = std::make_unique<impl>(on, std::move(options));
}

nats::~nats() = default;
nats::nats(nats&&) noexcept = default;
nats& nats::operator=(nats&&) noexcept = default;

bool nats::is_connected() const noexcept {
  return impl_->link->is_connected();
}

namespace {
auto request_call(nats_message&& m, std::chrono::nanoseconds timeout) {
  check(m);
  const auto now = steady_clock::now();
  return [m = std::move(m), now, due = detail::end_of(now, timeout)](nats_desk& d) mutable {
    return d.request(std::move(m), now, due);
  };
}
auto send_call(nats_job::kind what, nats_message&& m, std::chrono::nanoseconds timeout) {
  const auto now = steady_clock::now();
  return [what, m = std::move(m), now, due = detail::end_of(now, timeout)](nats_desk& d) mutable {
    return d.send(what, std::move(m), now, due);
  };
}
}  // namespace

void nats::publish(nats_message message, std::source_location where) {
  (void)submit_publish(std::move(message), where);
}

eventual<void> nats::submit_publish(nats_message message, std::source_location where) {
  check(message);
  return impl_->desk.submit(
      send_call(nats_job::kind::publish, std::move(message), impl_->options.timeout), where);
}

void nats::flush_within(std::chrono::nanoseconds timeout, std::source_location where) {
  call_in_time(impl_->desk, timeout, impl_->link->peer(),
               send_call(nats_job::kind::flush, {}, timeout), where);
}

nats_message nats::request_within(std::chrono::nanoseconds timeout, nats_message&& request,
                                  std::source_location where) {
  return call_in_time(impl_->desk, timeout, impl_->link->peer(),
                      request_call(std::move(request), timeout), where);
}

eventual<nats_message> nats::submit_request(nats_message request, std::source_location where) {
  return submit_request_within(impl_->options.timeout, std::move(request), where);
}

eventual<nats_message> nats::submit_request_within(std::chrono::nanoseconds timeout,
                                                   nats_message&& request,
                                                   std::source_location where) {
  return impl_->desk.submit(request_call(std::move(request), timeout), where);
}

nats_subscription nats::subscribe(std::string subject, handler f, std::string queue) {
  return subscribe_to(impl_->loop, std::move(subject), std::move(f), std::move(queue));
}

nats_subscription nats::subscribe_on(bridge& where, std::string subject, handler f,
                                     std::string queue) {
  return subscribe_to(std::make_shared<nats_loop>(where), std::move(subject), std::move(f),
                      std::move(queue));
}

nats_subscription nats::subscribe_to(std::shared_ptr<nats_loop> loop, std::string subject,
                                     handler f, std::string queue) {
  if (!f) throw std::invalid_argument("nats: subscribe() is given an empty function");
  auto sub = make_sub(std::move(subject), std::move(queue));
  auto shared = std::make_shared<handler>(std::move(f));
  sub->is_here = [loop] { return loop->is_here(); };
  // No circle: the function must not be kept by what it is given.
  sub->deliver = [loop, shared, weak = std::weak_ptr(sub),
                  limit = impl_->options.waiting_limit](nats_message&& m) {
    auto to = weak.lock();
    if (!to) return;
    if (!to->arrive(limit)) {
      ++to->dropped;
      return;
    }
    const auto leave = [](nats_sub* s) { s->leave(); };
    loop->post([shared, to, left = std::unique_ptr<nats_sub, decltype(leave)>(to.get(), leave),
                m = std::move(m)]() mutable {
      if (!to->closed) (*shared)(std::move(m));
    });
  };
  impl_->link->subscribe(sub);
  return nats_subscription(impl_->link, std::move(sub));
}

}  // namespace loopbridge::clients
