#include "loopbridge/default_bridge.hpp"

#include <stdexcept>
#include <utility>

#include "sync/per_process.hpp"

namespace loopbridge {
namespace {

struct shared_bridge {
  bridge b;
  const bool stops_at_exit;
};

void stop_default_bridge();
constinit detail::per_process<shared_bridge> the_default(stop_default_bridge);

void stop_default_bridge() {
  shared_bridge* const now = the_default.own();
  if (now == nullptr || !now->stops_at_exit) return;
  try {
    now->b.stop();
  } catch (...) {
    // would_deadlock: exit was called on a loop that this one waits for, so that it cannot end
    // before the process does.
    now->b.stop_reentrant();
  }
}

/// `make` makes the bridge, if there is none, also no parent's; else throws `late`.
template <class Make>
bridge& make_first(bool stops_at_exit, const char* late, Make make) {
  if (the_default.any() == nullptr) {
    const auto [now, is_ours] = the_default.make(make(), stops_at_exit);
    if (is_ours) return now.b;
  }
  throw std::logic_error(late);
}

}  // namespace

bridge& default_bridge() {
  shared_bridge* const now = the_default.any();
  return now != nullptr ? now->b : the_default.make(bridge(), true).first.b;
}

bridge& default_bridge(options opts) {
  return make_first(
      true,
      "loopbridge: default_bridge(options) comes too late: the default bridge is at work already; "
      "call it before anything that uses default_bridge()",
      [&] { return bridge(std::move(opts)); });
}

bridge& default_bridge(adopt own, options opts) {
  return make_first(
      false,
      "loopbridge: default_bridge(adopt) comes too late: the default bridge is at work already, on "
      "another loop; call it before anything that uses default_bridge(), or give that code a "
      "bridge::adopt() of its own",
      [&] { return bridge::adopt(own.loop, std::move(opts)); });
}

bridge& restart_in_child() {
  if (the_default.own() != nullptr) {
    throw std::logic_error(
        "loopbridge: restart_in_child() is for a forked child; this process's default bridge is "
        "its own, and was not lost");
  }
  return the_default.make(bridge(), true).first.b;
}

}  // namespace loopbridge
