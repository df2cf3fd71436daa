#pragma once

#include <netdb.h>
#include <uv.h>

#include <exception>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

/// One HTTP download on libuv: looks the name up, connects, asks, and reads to the end.
class download {
 public:
  static loopbridge::deferred<std::string> begin(loopbridge::loop_ref loop,
                                                 const std::string& url) {
    const auto d = std::make_shared<download>();
    d->take_apart(url);
    uv_tcp_init(loop, &d->tcp_);
    d->tcp_.data = d->query_.data = d.get();
    d->open_ = d;
    d->done_.on_cancel([d] { d->close(); });  // nobody waits any more, or the bridge stops
    auto answer = d->done_.get_deferred();
    d->step(0, [&] {
      addrinfo hints{};
      hints.ai_socktype = SOCK_STREAM;
      check(uv_getaddrinfo(loop, &d->query_, on_found, d->host_.c_str(), d->port_.c_str(), &hints));
      d->asked_ = d;
    });
    return answer;
  }

 private:
  static void check(int status) {
    if (status < 0) throw std::runtime_error(uv_strerror(status));
  }
  template <class Handle>
  static download& of(Handle* handle) {
    return *static_cast<download*>(handle->data);
  }
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp_); }
  void take_apart(const std::string& url) {  // http://HOST[:PORT]/PATH
    const std::string scheme = "http://";
    const auto slash = url.find('/', scheme.size());
    if (!url.starts_with(scheme) || slash == std::string::npos) {
      throw std::runtime_error("not like http://HOST[:PORT]/PATH: " + url);
    }
    const std::string place = url.substr(scheme.size(), slash - scheme.size());
    const auto colon = place.find(':');
    host_ = place.substr(0, colon);
    port_ = colon == std::string::npos ? "80" : place.substr(colon + 1);
    request_ = "GET " + url.substr(slash) + " HTTP/1.0\r\nHost: " + place + "\r\n\r\n";
  }

  /// Each callback goes through here: an error of libuv's, or what `next` throws, is the answer.
  template <class Next>
  void step(int status, Next next) noexcept {
    if (open_ == nullptr || uv_is_closing(reinterpret_cast<uv_handle_t*>(&tcp_)) != 0) return;
    std::exception_ptr error;
    try {
      check(status);
      return next();
    } catch (...) {
      error = std::current_exception();
    }
    done_.reject(std::move(error));
    close();
  }

  static void on_found(uv_getaddrinfo_t* query, int status, addrinfo* found) {
    const auto d = std::move(of(query).asked_);
    d->step(status, [&] {
      check(uv_tcp_connect(&d->connecting_, &d->tcp_, found->ai_addr, on_connected));
    });
    uv_freeaddrinfo(found);
  }
  static void on_connected(uv_connect_t* request, int status) {
    download& d = of(request->handle);
    d.step(status, [&] {
      uv_buf_t all = uv_buf_init(d.request_.data(), static_cast<unsigned>(d.request_.size()));
      const auto written = [](uv_write_t* w, int s) { of(w->handle).step(s, [] {}); };
      check(uv_write(&d.writing_, d.stream(), &all, 1, written));
      const auto give_room = [](uv_handle_t* h, std::size_t, uv_buf_t* room) {
        *room = uv_buf_init(of(h).some_, sizeof(some_));
      };
      check(uv_read_start(d.stream(), give_room, on_read));
    });
  }
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* room) {
    download& d = of(stream);
    d.step(size == UV_EOF ? 0 : static_cast<int>(size), [&] {
      if (size != UV_EOF) return void(d.reply_.append(room->base, static_cast<std::size_t>(size)));
      const auto head = d.reply_.find("\r\n\r\n");
      const std::string first = d.reply_.substr(0, d.reply_.find('\r'));
      if (head == std::string::npos) throw std::runtime_error("no HTTP from " + d.host_);
      if (first.find(" 200 ") == std::string::npos) throw std::runtime_error(first);
      d.done_.resolve(d.reply_.substr(head + 4));
      d.close();
    });
  }

  void close() {
    auto* const handle = reinterpret_cast<uv_handle_t*>(&tcp_);
    if (open_ == nullptr || uv_is_closing(handle) != 0) return;
    if (asked_ != nullptr) uv_cancel(reinterpret_cast<uv_req_t*>(&query_));
    uv_close(handle, [](uv_handle_t* h) { of(h).open_.reset(); });
  }

  std::string host_, port_, request_, reply_;
  loopbridge::completer<std::string> done_;
  uv_getaddrinfo_t query_{};
  uv_tcp_t tcp_{};
  uv_connect_t connecting_{};
  uv_write_t writing_{};
  char some_[16 * 1024]{};
  std::shared_ptr<download> asked_;  // libuv's hold of it, until on_found
  std::shared_ptr<download> open_;   // and another, until tcp_ is closed
};
