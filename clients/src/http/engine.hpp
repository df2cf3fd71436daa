#pragma once

#include <curl/curl.h>

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "loopbridge/uv/timer.hpp"
#include "transfer.hpp"

namespace loopbridge::clients {

/// curl's multi handle on a loop: its sockets, its timer, and the queues of requests. Loop thread.
///
/// What callbacks of curl's may not do is kept out of them: they call nothing of curl's, and
/// resolve nothing. (curl's handle is used by its own callbacks' callees otherwise, as a result
/// may run the program's code.)
class http_engine {
 public:
  http_engine(loop_ref loop, http_options options);
  ~http_engine();
  http_engine(const http_engine&) = delete;
  http_engine& operator=(const http_engine&) = delete;

  deferred<http_response> start(http_call call);

 private:
  using transfer_ptr = std::shared_ptr<http_transfer>;
  using ended_transfers = std::vector<std::pair<transfer_ptr, CURLcode>>;

  /// Of one scheme, host and port.
  struct host {
    unsigned active = 0;
    std::deque<http_transfer*> queue;
  };

  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long ms, void* self);

  void act(curl_socket_t socket, int events);
  void collect();
  /// Begins what may begin now. What cannot be begun goes to `ended`.
  void begin_queued(const std::string& host_name, ended_transfers& ended);
  /// Takes a transfer out of everything. Its completer is still to be resolved: as the last thing.
  transfer_ptr take(http_transfer& t);
  static void finish(const ended_transfers& ended);
  void abandon(http_transfer& t);

  const http_options options_;
  http_sockets sockets_;
  timer timer_;
  deadlines<http_transfer> deadlines_;
  std::unordered_map<http_transfer*, transfer_ptr> transfers_;
  std::unordered_map<std::string, host> hosts_;
  CURLM* multi_ = nullptr;
};

}  // namespace loopbridge::clients
