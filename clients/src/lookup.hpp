#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "loopbridge/loop_ref.hpp"
#include "loopbridge/uv/address.hpp"

namespace loopbridge::clients::detail {

/// A look-up of a host by the system's resolver, in one of libuv's worker threads. When it is
/// destroyed the look-up is given up, and `done` not called. Thread: the loop's.
class lookup {
 public:
  /// `done(status, addresses)` is called once, from the loop. It may destroy this. If it has no
  /// memory, what it was about to do is left to the deadline that its owner has.
  using done = std::function<void(int, const std::vector<address>&)>;

  explicit lookup(done d) : done_(std::move(d)) {}
  ~lookup() {
    if (request_ == nullptr) return;
    request_->owner = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(request_));
  }
  lookup(const lookup&) = delete;
  lookup& operator=(const lookup&) = delete;

  /// Returns  0, or libuv's error: `done` is not called then.
  int start(loop_ref loop, const std::string& host, std::uint16_t port) {
    request_ = new request{{}, this};
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    const int status = uv_getaddrinfo(loop, request_, on_found, host.c_str(),
                                      std::to_string(port).c_str(), &hints);
    if (status != 0) delete std::exchange(request_, nullptr);
    return status;
  }

 private:
  /// libuv's until it has called back, which may be after the owner's end.
  struct request : uv_getaddrinfo_t {
    lookup* owner;
  };

  static void on_found(uv_getaddrinfo_t* r, int status, addrinfo* found) {
    auto* const ended = static_cast<request*>(r);
    std::vector<address> all;
    try {
      for (const addrinfo* a = found; a != nullptr; a = a->ai_next) all.emplace_back(*a);
    } catch (const std::bad_alloc&) {
      status = UV_ENOMEM;
    }
    uv_freeaddrinfo(found);
    lookup* const owner = ended->owner;
    delete ended;
    if (owner == nullptr) return;
    owner->request_ = nullptr;
    const done call = std::move(owner->done_);
    try {
      call(status, all);
    } catch (const std::bad_alloc&) {  // must not go through libuv
    }
  }

  done done_;
  request* request_ = nullptr;
};

}  // namespace loopbridge::clients::detail
