#include "loopbridge/default_bridge.hpp"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include "loopbridge/detail/process_mark.hpp"

namespace loopbridge {
namespace {

struct shared_bridge {
  shared_bridge(bridge made, bool on_own_thread)
      : b(std::move(made)), stops_at_exit(on_own_thread) {}
  bridge b;
  const bool stops_at_exit;
  const detail::process_mark process;
  shared_bridge* parents = nullptr;  ///< kept for those who look for leaks, as references to it are
};

/// Home: null, until the first one made is put here, to stay; in a child, the parent's until
/// another takes its place. By exchange and without a lock, which a thread that is no more might
/// hold in a child: if several threads make one at once, all but one of these end unused.
std::atomic<shared_bridge*> the_default{nullptr};
/// stop_default_bridge is, for the exit of this process and of its children.
std::atomic<bool> is_registered{false};

void stop_default_bridge() {
  shared_bridge* const now = the_default.load();
  if (now == nullptr || !now->stops_at_exit) return;
  try {
    now->b.stop();
  } catch (...) {
    // would_deadlock: exit was called on a loop that this one waits for, so that it cannot end
    // before the process does. Or wrong_process: nothing of it is here.
    now->b.stop_reentrant();
  }
}

/// Puts `made` in the place of `expected`; false, and what is there, if another thread was first.
bool publish(std::unique_ptr<shared_bridge> made, shared_bridge*& expected) {
  // Before it is there to be used, so that what its users make from now on ends first.
  if (!is_registered.exchange(true) && std::atexit(stop_default_bridge) != 0) {
    is_registered = false;
    throw std::bad_alloc();
  }
  made->parents = expected;
  if (!the_default.compare_exchange_strong(expected, made.get())) return false;
  expected = made.release();
  return true;
}

bridge& make_first(std::unique_ptr<shared_bridge> made, const char* if_there_is_one) {
  shared_bridge* now = nullptr;
  if (!publish(std::move(made), now)) throw std::logic_error(if_there_is_one);
  return now->b;
}

void throw_if_made(const char* message) {
  if (the_default.load() != nullptr) throw std::logic_error(message);
}

}  // namespace

bridge& default_bridge() {
  shared_bridge* now = the_default.load();
  if (now == nullptr) publish(std::make_unique<shared_bridge>(bridge(), true), now);
  return now->b;
}

bridge& default_bridge(options opts) {
  constexpr const char* late =
      "loopbridge: default_bridge(options) comes too late: the default bridge is at work already; "
      "call it before anything that uses default_bridge()";
  throw_if_made(late);
  return make_first(std::make_unique<shared_bridge>(bridge(std::move(opts)), true), late);
}

bridge& default_bridge(adopt own, options opts) {
  constexpr const char* late =
      "loopbridge: default_bridge(adopt) comes too late: the default bridge is at work already, on "
      "another loop; call it before anything that uses default_bridge(), or give that code a "
      "bridge::adopt() of its own";
  throw_if_made(late);
  return make_first(
      std::make_unique<shared_bridge>(bridge::adopt(own.loop, std::move(opts)), false), late);
}

bridge& restart_in_child() {
  shared_bridge* now = the_default.load();
  if (now == nullptr) return default_bridge();
  if (now->process.is_this_process()) {
    throw std::logic_error(
        "loopbridge: restart_in_child() is for a forked child; this process's default bridge is "
        "its own, and was not lost");
  }
  publish(std::make_unique<shared_bridge>(bridge(), true), now);
  return now->b;
}

}  // namespace loopbridge
