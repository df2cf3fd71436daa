#pragma once

#include <loopbridge/bridge.hpp>
#include <string_view>
#include <utility>

namespace bench {

/// Ours, with one doorbell or the other.
template <loopbridge::doorbell Doorbell>
class loopbridge_with {
 public:
  static constexpr std::string_view name =
      Doorbell == loopbridge::doorbell::self_pipe ? "loopbridge" : "with uv_async";

  template <class F>
  void post(F&& f) {
    bridge_.post(std::forward<F>(f));
  }
  template <class F>
  auto call(F&& f) {
    return bridge_.call(std::forward<F>(f));
  }

 private:
  static loopbridge::options set_up() {
    loopbridge::options opts;
    opts.doorbell = Doorbell;
    return opts;
  }

  loopbridge::bridge bridge_{set_up()};
};

using loopbridge_self_pipe = loopbridge_with<loopbridge::doorbell::self_pipe>;
using loopbridge_uv_async = loopbridge_with<loopbridge::doorbell::uv_async>;

}  // namespace bench
