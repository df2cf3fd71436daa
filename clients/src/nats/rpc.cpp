#include <condition_variable>
#include <mutex>

#include "loopbridge/clients/nats_rpc.hpp"
#include "loopbridge/results/then.hpp"

namespace loopbridge::clients {
namespace {

using std::chrono::steady_clock;

// The names that NATS's own services use.
constexpr const char* error_text = "Nats-Service-Error";
constexpr const char* error_code = "Nats-Service-Error-Code";

std::string text_of(const std::exception_ptr& e) noexcept {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

nats_message answer_to(const std::string& reply, eventual<std::string>&& done) {
  nats_message answer{.subject = reply};
  if (const std::exception_ptr failed = done.error()) {
    std::string text = text_of(failed).substr(0, 1000);
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < ' ') c = ' ';  // a header is one line
    }
    answer.headers = {{error_code, "500"}, {error_text, text}};
  } else {
    answer.data = std::move(done).get();
  }
  return answer;
}

}  // namespace

struct nats_service::state {
  explicit state(std::shared_ptr<nats> n) noexcept : connection(std::move(n)) {}

  const std::shared_ptr<nats> connection;
  std::mutex mutex;
  std::condition_variable changed;
  int under_way = 0;

  void enter() {
    const std::lock_guard held(mutex);
    ++under_way;
  }
  void leave() noexcept {
    const std::lock_guard held(mutex);
    --under_way;
    changed.notify_all();
  }
};

void nats_service::drain_for(std::chrono::milliseconds timeout) {
  if (!state_) return;
  const auto until = steady_clock::now() + timeout;
  const auto left = [&] {
    return std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now());
  };
  subscription_.drain_for(timeout);
  {
    std::unique_lock held(state_->mutex);
    if (!state_->changed.wait_until(held, until, [&] { return state_->under_way == 0; }))
      throw timed_out("nats_rpc: some requests were not answered in time; give drain_for() more");
  }
  state_->connection->flush_for(left());
  state_.reset();
}

nats_rpc::nats_rpc(bridge& on, nats_options options)
    : bridge_(&on), nats_(std::make_shared<nats>(on, std::move(options))) {}

nats_message nats_rpc::message(const std::string& subject, std::string&& data) {
  return {.subject = subject, .data = std::move(data)};
}

std::string nats_rpc::answer_of(nats_message&& answer, const std::string& subject,
                                steady_clock::time_point since) {
  if (answer.header(error_code).empty()) return std::move(answer.data);
  throw remote_error(outcome::answered, "nats " + subject, phase::reading,
                     steady_clock::now() - since, answer.header(error_text));
}

eventual<std::string> nats_rpc::remote_submit_for(std::chrono::nanoseconds timeout,
                                                  std::string subject, std::string request,
                                                  std::source_location where) {
  auto answer = nats_->submit_request_for(timeout, message(subject, std::move(request)), where);
  return std::move(answer).then(
      [subject = std::move(subject), since = steady_clock::now()](nats_message m) {
        return answer_of(std::move(m), subject, since);
      },
      where);
}

nats_service nats_rpc::start(bridge& where, std::string subject, function f, std::string queue) {
  nats_service made;
  made.state_ = std::make_shared<nats_service::state>(nats_);
  made.subscription_ = nats_->subscribe_on(
      where, std::move(subject),
      [state = made.state_, f = std::move(f)](nats_message m) {
        if (m.reply.empty()) return;  // a publication: nobody waits for an answer
        state->enter();
        const auto leave = [](nats_service::state* s) { s->leave(); };
        // Dropped unrun, where the bridge stops, it leaves too.
        std::unique_ptr<nats_service::state, decltype(leave)> inside(state.get(), leave);
        (void)f(std::move(m.data))
            .then([state, inside = std::move(inside),
                   reply = std::move(m.reply)](eventual<std::string> done) {
              state->connection->publish(answer_to(reply, std::move(done)));
            });
      },
      std::move(queue));
  return made;
}

}  // namespace loopbridge::clients
