#pragma once

#include <uv.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "loopbridge/detail/uv/uv_request.hpp"
#include "loopbridge/uv/error.hpp"

namespace loopbridge {

/// An IPv4 or IPv6 address with its port. A plain value: any thread.
class address {
 public:
  /// From text, without a look-up.
  /// Throws   std::system_error (EINVAL) if `ip` is no address
  address(const std::string& ip, std::uint16_t port) {
    if (uv_ip4_addr(ip.c_str(), port, reinterpret_cast<sockaddr_in*>(&bytes_)) == 0) return;
    const int error = uv_ip6_addr(ip.c_str(), port, reinterpret_cast<sockaddr_in6*>(&bytes_));
    if (error != 0) detail::throw_uv_error(error, "'" + ip + "' is no IP address; use resolve()");
  }
  explicit address(const addrinfo& info) { std::memcpy(&bytes_, info.ai_addr, info.ai_addrlen); }

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&bytes_); }
  std::string ip() const {
    char text[INET6_ADDRSTRLEN] = "";
    uv_ip_name(get(), text, sizeof(text));
    return text;
  }
  std::uint16_t port() const noexcept {
    return ntohs(bytes_.ss_family == AF_INET6
                     ? reinterpret_cast<const sockaddr_in6&>(bytes_).sin6_port
                     : reinterpret_cast<const sockaddr_in&>(bytes_).sin_port);
  }

 private:
  sockaddr_storage bytes_{};
};

/// `co_await resolve("example.org", "http")`, in a task: gives the addresses of a host, at least
/// one. They are for streams, in the system's order (uv_getaddrinfo).
/// Throws   std::system_error with uv_category() if the look-up fails; `cancelled` when the task is
///          cancelled, once libuv has let go of the look-up
class resolve final : public detail::uv_request<uv_getaddrinfo_t> {
 public:
  explicit resolve(std::string host, std::string service = {})
      : host_(std::move(host)), service_(std::move(service)) {}

  bool await_suspend(std::coroutine_handle<>) noexcept {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    return begun(uv_getaddrinfo(
        loop(), &request_,
        [](uv_getaddrinfo_t* r, int status, addrinfo* found) {
          static_cast<resolve&>(of(r)).found_ = found;
          done(r, status);
        },
        host_.c_str(), service_.empty() ? nullptr : service_.c_str(), &hints));
  }
  std::vector<address> await_resume() {
    const struct freed {
      addrinfo* list;
      ~freed() { uv_freeaddrinfo(list); }
    } found{std::exchange(found_, nullptr)};
    throw_if_failed("cannot resolve '" + host_ + "'");
    std::vector<address> all;
    for (const addrinfo* a = found.list; a != nullptr; a = a->ai_next) all.emplace_back(*a);
    return all;
  }

 private:
  const std::string host_;
  const std::string service_;
  addrinfo* found_ = nullptr;
};

}  // namespace loopbridge
