#pragma once

#include <sys/eventfd.h>

#include <asio.hpp>
#include <string_view>
#include <thread>
#include <utility>

#include "harness/contender.hpp"
#include "replying.hpp"

namespace bench {

/// asio::post to an io_context in a thread. A descriptor is being waited for, as in any program
/// that has a use for an event loop: with none, asio sleeps on a condition variable and never
/// polls.
class asio_post : public replying<asio_post> {
 public:
  static constexpr std::string_view name = "asio";
  static constexpr role is = role::peer;

  asio_post() {
    pending_.async_wait(asio::posix::stream_descriptor::wait_read, [](const asio::error_code&) {});
    thread_ = std::thread([this] { context_.run(); });
  }
  ~asio_post() {
    post([this] { pending_.cancel(); });
    thread_.join();
  }

  template <class F>
  void post(F&& f) {
    asio::post(context_, std::forward<F>(f));
  }

  template <class F>
  auto submit(F f) {
    return asio::post(context_, asio::use_future(std::move(f)));
  }

 private:
  asio::io_context context_;
  asio::posix::stream_descriptor pending_{context_, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::thread thread_;
};

}  // namespace bench
