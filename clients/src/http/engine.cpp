#include "engine.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace loopbridge::clients {
namespace {

/// Kept for later requests, of all hosts. Without this curl keeps four for each request under way.
constexpr long kept_connections = 64;

CURLM* make_multi() {
  // Never undone: other users of libcurl in this process may be at work.
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM* const multi = ready == CURLE_OK ? curl_multi_init() : nullptr;
  if (multi == nullptr) throw std::bad_alloc();
  return multi;
}

}  // namespace

http_engine::http_engine(loop_ref loop, http_options options)
    : options_(std::move(options)),
      sockets_(loop, [this](curl_socket_t socket, int events) { act(socket, events); }),
      timer_(loop, [this] { act(CURL_SOCKET_TIMEOUT, 0); }),
      deadlines_(loop,
                 [this](http_transfer& t) {
                   ended_transfers ended{{take(t), CURLE_OPERATION_TIMEDOUT}};
                   begin_queued(t.call().host, ended);
                   finish(ended);
                 }),
      multi_(make_multi()) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kept_connections);
}

http_engine::~http_engine() {
  std::vector<transfer_ptr> left;
  for (auto& [raw, t] : transfers_) {
    if (t->begun) curl_multi_remove_handle(multi_, t->easy());
    left.push_back(t);
  }
  curl_multi_cleanup(multi_);  // closes sockets and sets the timer: both are still there
  for (const transfer_ptr& t : left) t->fail("the client was closed");
}

deferred<http_response> http_engine::start(http_call call) {
  const auto t = std::make_shared<http_transfer>(std::move(call), options_, sockets_);
  deferred<http_response> answer = t->done.get_deferred();
  if (t->call().due <= std::chrono::steady_clock::now()) {
    t->expire();
    return answer;
  }
  // Where a hook finds its transfer, this is there too: it holds them all.
  t->done.on_cancel([this, weak = std::weak_ptr(t)] {
    if (const transfer_ptr wanted = weak.lock()) abandon(*wanted);
  });
  transfers_.emplace(t.get(), t);
  t->deadline = deadlines_.add(t->call().due, *t);
  hosts_[t->call().host].queue.push_back(t.get());
  ended_transfers ended;
  begin_queued(t->call().host, ended);
  finish(ended);
  return answer;
}

void http_engine::begin_queued(const std::string& host_name, ended_transfers& ended) {
  const auto found = hosts_.find(host_name);
  if (found == hosts_.end()) return;
  host& at = found->second;
  while (!at.queue.empty() && at.active < options_.connections_per_host) {
    http_transfer& t = *at.queue.front();
    at.queue.pop_front();
    ++at.active;
    t.begun = true;
    try {
      t.begin();
      // Curl does no more here than to ask for a time: the request goes out in a turn of its own.
      if (curl_multi_add_handle(multi_, t.easy()) != CURLM_OK) throw std::bad_alloc();
    } catch (...) {
      t.failure = std::current_exception();
      deadlines_.drop(t.deadline);
      --at.active;
      const auto entry = transfers_.find(&t);
      ended.emplace_back(std::move(entry->second), CURLE_FAILED_INIT);
      transfers_.erase(entry);
    }
  }
  if (at.active == 0) hosts_.erase(found);
}

http_engine::transfer_ptr http_engine::take(http_transfer& t) {
  const auto entry = transfers_.find(&t);
  transfer_ptr kept = std::move(entry->second);
  transfers_.erase(entry);
  host& at = hosts_[t.call().host];
  if (t.begun) {
    curl_multi_remove_handle(multi_, t.easy());
    --at.active;
  } else {
    std::erase(at.queue, &t);
  }
  return kept;
}

void http_engine::finish(const ended_transfers& ended) {
  for (const auto& [t, code] : ended) t->finish(code);
}

/// Nobody wants the answer any more.
void http_engine::abandon(http_transfer& t) {
  deadlines_.drop(t.deadline);
  ended_transfers ended{{take(t), CURLE_ABORTED_BY_CALLBACK}};
  begin_queued(t.call().host, ended);
  finish(ended);
}

int http_engine::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  auto& sockets = static_cast<http_engine*>(self)->sockets_;
  try {
    sockets.watch(socket, what);
  } catch (...) {
    // Its transfer ends by its deadline. Told of a failure here, curl has no use for any of the
    // others either, now and later.
    sockets.closing(socket);
  }
  return 0;
}

/// Calls nothing of curl's: it is curl that calls.
int http_engine::on_timer(CURLM*, long ms, void* self) {
  timer& t = static_cast<http_engine*>(self)->timer_;
  if (ms < 0) {
    t.stop();
  } else {
    t.start(std::chrono::milliseconds(ms));
  }
  return 0;
}

void http_engine::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
  collect();
}

void http_engine::collect() {
  int left = 0;
  ended_transfers ended;
  while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* raw = nullptr;
    const CURLcode code = message->data.result;  // the message goes with its handle
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &raw);
    auto& t = *reinterpret_cast<http_transfer*>(raw);
    if (code != CURLE_OK && t.begin_again()) {
      curl_multi_remove_handle(multi_, t.easy());
      if (curl_multi_add_handle(multi_, t.easy()) == CURLM_OK) continue;
    }
    deadlines_.drop(t.deadline);
    ended.emplace_back(take(t), code);
  }
  for (std::size_t n = 0, seen = ended.size(); n < seen; ++n) {
    const transfer_ptr t = ended[n].first;  // begin_queued() may add to them
    begin_queued(t->call().host, ended);
  }
  finish(ended);
}

}  // namespace loopbridge::clients
