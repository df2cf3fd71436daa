#include "desk.hpp"

namespace loopbridge::clients {

using std::chrono::steady_clock;

nats_desk::nats_desk(loop_ref loop, std::shared_ptr<nats_link> link,
                     std::shared_ptr<nats_desk_place> place, std::size_t limit)
    : limit_(limit),
      link_(std::move(link)),
      place_(std::move(place)),
      deadlines_(loop, [this](entry& late) {
        const entry_ptr e = take(late.job.get());
        e->reject(timed_out(*e));
      }) {
  place_->desk = this;
}

nats_desk::~nats_desk() {
  place_->desk = nullptr;
  link_->close();
  for (const auto& [job, e] : entries_) {
    const bool unsent = e->job->drop();
    e->reject(error_of<request_error>(*e, unsent ? outcome::not_sent : outcome::unknown,
                                      unsent ? phase::queued : phase::waiting,
                                      "the client was closed"));
  }
}

void nats_desk::entry::reject(std::exception_ptr why) {
  if (job->what == nats_job::kind::request) {
    answer.reject(std::move(why));
  } else {
    sent.reject(std::move(why));
  }
}

nats_desk::entry_ptr nats_desk::start(nats_job::kind what, nats_message&& message,
                                      std::string token, steady_clock::time_point since,
                                      steady_clock::time_point due) {
  auto job = std::make_shared<nats_job>();
  job->what = what;
  job->message = std::move(message);
  job->token = std::move(token);
  job->due = due;
  return std::make_shared<entry>(entry{std::move(job), since, {}, {}, {}});
}

void nats_desk::enqueue(const entry_ptr& e) {
  const std::shared_ptr<nats_job>& job = e->job;
  if (job->due <= steady_clock::now()) {
    job->at = nats_job::step::dropped;
    e->reject(error_of<request_timed_out>(*e, outcome::not_sent, phase::queued, "timed out"));
    return;
  }
  if (entries_.size() >= limit_) {
    job->at = nats_job::step::dropped;
    e->reject(error_of<request_error>(*e, outcome::not_sent, phase::queued,
                                      "nats_options::waiting_limit is reached"));
    return;
  }
  entries_.emplace(job.get(), e);
  if (!job->token.empty()) requests_.emplace(job->token, job.get());
  e->deadline = deadlines_.add(job->due, *e);
  link_->push(job);
}

deferred<nats_message> nats_desk::request(nats_message message, steady_clock::time_point since,
                                          steady_clock::time_point due) {
  const entry_ptr e =
      start(nats_job::kind::request, std::move(message), std::to_string(++last_token_), since, due);
  e->answer.on_cancel([this, weak = std::weak_ptr(e)] {
    const entry_ptr unwanted = weak.lock();
    if (!unwanted) return;
    unwanted->job->drop();
    deadlines_.drop(unwanted->deadline);
    take(unwanted->job.get());
  });
  deferred<nats_message> answer = e->answer.get_deferred();
  enqueue(e);
  return answer;
}

deferred<void> nats_desk::send(nats_job::kind what, nats_message message,
                               steady_clock::time_point since, steady_clock::time_point due) {
  const entry_ptr e = start(what, std::move(message), {}, since, due);
  deferred<void> sent = e->sent.get_deferred();
  enqueue(e);
  return sent;
}

nats_desk::entry_ptr nats_desk::take(const nats_job* job) {
  const auto found = entries_.find(job);
  if (found == entries_.end()) return nullptr;
  entry_ptr e = std::move(found->second);
  entries_.erase(found);
  requests_.erase(e->job->token);
  return e;
}

void nats_desk::ended(const nats_job* job, const std::optional<nats_failure>& failure) {
  const entry_ptr e = take(job);
  if (!e) return;  // its deadline came first
  deadlines_.drop(e->deadline);
  if (!failure) {
    e->sent.resolve();
  } else if (job->what == nats_job::kind::flush && failure->result == outcome::unknown) {
    e->reject(error_of<request_timed_out>(*e, failure->result, failure->reached, "timed out"));
  } else {
    e->reject(error_of<request_error>(*e, failure->result, failure->reached, failure->why));
  }
}

void nats_desk::answered(nats_message&& answer) {
  // What JetStream delivers to an inbox names another subject.
  if (!answer.subject.starts_with(link_->inbox())) return;
  const auto found = requests_.find(answer.subject.substr(link_->inbox().size()));
  if (found == requests_.end()) return;  // too late, or a second answer
  const entry_ptr e = take(found->second);
  deadlines_.drop(e->deadline);
  if (answer.data.empty() && answer.header("Status") == "503") {
    e->reject(error_of<no_responders>(*e, outcome::not_sent, phase::waiting,
                                      "nobody is subscribed to " + e->job->message.subject));
  } else {
    e->answer.resolve(std::move(answer));
  }
}

template <class Error>
std::exception_ptr nats_desk::error_of(const entry& e, outcome result, phase reached,
                                       std::string_view why) const {
  return std::make_exception_ptr(
      Error(result, link_->peer(), reached, steady_clock::now() - e.since, why));
}

std::exception_ptr nats_desk::timed_out(const entry& e) const {
  if (!e.job->drop()) {
    return error_of<request_timed_out>(
        e, outcome::unknown, phase::waiting,
        link_->is_connected() ? "timed out" : "timed out, and the connection was lost");
  }
  const std::string trouble = link_->trouble();
  if (link_->is_connected())
    return error_of<request_timed_out>(e, outcome::not_sent, phase::queued, "timed out");
  return error_of<request_timed_out>(e, outcome::not_sent, phase::connecting,
                                     trouble.empty() ? "timed out" : "timed out (" + trouble + ")");
}

}  // namespace loopbridge::clients
