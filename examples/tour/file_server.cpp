#include "file_server.hpp"

#include <uv.h>

#include <chrono>
#include <loopbridge/results/deferred.hpp>
#include <optional>
#include <set>
#include <utility>

#include "counted_call.hpp"
#include "file_session.hpp"
#include "uv_error.hpp"

namespace tour {

using loopbridge::completer;
using loopbridge::deferred;
using loopbridge::loop_ref;

/// All of it belongs to the loop's thread.
class file_server::state final : public file_session::owner {
 public:
  explicit state(std::vector<std::string> files) : files_(std::move(files)) {}

  sockaddr_in listen(loop_ref loop, std::uint16_t port, std::shared_ptr<state> self) {
    throw_if_error(uv_tcp_init(loop, &listener_), "a new socket");
    listener_.data = this;
    open_ = std::move(self);
    try {
      return bind_and_listen(port);
    } catch (...) {
      close_listener();
      throw;
    }
  }

  /// Answers when everything is closed.
  deferred<void> close() {
    completer<void> done;
    auto answer = done.get_deferred();
    if (open_ != nullptr) {
      all_closed_ = std::move(done);
      close_listener();
      for (file_session* const s : sessions_) s->close();
    } else {
      done.resolve();
    }
    return answer;
  }

  file_server::counts look() const { return counts_; }

 private:
  sockaddr_in bind_and_listen(std::uint16_t port) {
    const std::string what = "port " + std::to_string(port);
    sockaddr_in address{};
    uv_ip4_addr("127.0.0.1", port, &address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    throw_if_error(uv_tcp_bind(&listener_, generic, 0), what);
    const auto on_connection = [](uv_stream_t* listener, int status) {
      if (status == 0) file_session::accept(listener, *static_cast<state*>(listener->data));
    };
    auto* const stream = reinterpret_cast<uv_stream_t*>(&listener_);
    throw_if_error(uv_listen(stream, 128, on_connection), what);
    int size = sizeof(address);
    throw_if_error(uv_tcp_getsockname(&listener_, generic, &size), what);
    return address;
  }

  void close_listener() {
    auto* const handle = reinterpret_cast<uv_handle_t*>(&listener_);
    if (uv_is_closing(handle) != 0) return;
    uv_close(handle, [](uv_handle_t* h) {
      auto& self = *static_cast<state*>(h->data);
      self.listener_closed_ = true;
      self.end_if_over();
    });
  }

  void end_if_over() {
    if (!listener_closed_ || !sessions_.empty()) return;
    const auto last = std::move(open_);
    if (all_closed_) all_closed_->resolve();
  }

  const std::vector<std::string>& files() const override { return files_; }
  file_server::counts& counts() override { return counts_; }
  void opened(file_session& s) override {
    ++counts_.connections;
    sessions_.insert(&s);
  }
  void ended(file_session& s) override {
    sessions_.erase(&s);
    end_if_over();
  }

  const std::vector<std::string> files_;
  file_server::counts counts_;
  uv_tcp_t listener_{};
  bool listener_closed_ = false;
  std::set<file_session*> sessions_;
  std::shared_ptr<state> open_;  ///< libuv's hold on this, until all handles are closed
  std::optional<completer<void>> all_closed_;
};

file_server::file_server(loopbridge::bridge& loop, std::vector<std::string> files,
                         std::uint16_t port)
    : loop_(loop), state_(std::make_shared<state>(std::move(files))) {
  address_ = loop_.call([s = state_, port](loop_ref l) { return s->listen(l, port, s); });
}

file_server::~file_server() {
  try {
    close();
  } catch (...) {  // stopped, or stuck: there is nothing that a destructor could add
  }
}

file_server::counts file_server::look(tally& books) {
  return counted_call(loop_, books, [s = state_](loop_ref) { return s->look(); });
}

void file_server::close() {
  loop_.call_for(std::chrono::seconds(10), [s = state_] { return s->close(); });
}

}  // namespace tour
