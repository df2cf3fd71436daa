#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>
#include <sched.h>

#include <loopbridge/loopbridge.hpp>
#include <thread>

#include "answers.hpp"
#include "support/held_loop.hpp"
#include "support/until.hpp"
#include "support/watchdog.hpp"

// A plugin may be unloaded as soon as its call has returned: no code of its own runs on the loop's
// thread after the answer. A test that fails crashes.

TEST_SUITE_BEGIN("plugin");

namespace {

using loopbridge::bridge;
using loopbridge::completer;

bridge* host_bridge;

/// By the plugin on the loop: resolves its completer in a later call, by the program's code.
void resolve_later(void* completer_of_int) {
  host_bridge->post([completer_of_int] { completer<int>::from(completer_of_int).resolve(1); });
}

/// Loads the plugin, has it answer, and unloads it at once.
int answer_and_unload(bridge& b, answer_by way) {
  void* const plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
  REQUIRE_MESSAGE(plugin != nullptr, dlerror());
  using function = int (*)(void*, void (*)(void*), int);
  const auto answer = reinterpret_cast<function>(dlsym(plugin, "answer"));
  const int n = answer(&b, &resolve_later, static_cast<int>(way));
  REQUIRE(dlclose(plugin) == 0);
  REQUIRE(dlopen(PLUGIN, RTLD_NOW | RTLD_NOLOAD) == nullptr);  // it is gone
  return n;
}

/// While it stands, the calling thread and those that it starts share one CPU. From first() on it
/// runs before them, where that is permitted: a loop's thread that wakes it loses the CPU with that
/// very system call.
class one_cpu {
 public:
  one_cpu() {
    pthread_getaffinity_np(pthread_self(), sizeof all_, &all_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
  }
  ~one_cpu() {
    const sched_param ordinary{0};
    pthread_setschedparam(pthread_self(), SCHED_OTHER, &ordinary);
    pthread_setaffinity_np(pthread_self(), sizeof all_, &all_);
  }
  one_cpu(const one_cpu&) = delete;
  one_cpu& operator=(const one_cpu&) = delete;

  static void first() {
    const sched_param before_others{1};
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &before_others);
  }

 private:
  cpu_set_t all_;
};

loopbridge::options never_spins() {
  loopbridge::options opts;
  opts.spin = loopbridge::spinning::off;
  return opts;
}

}  // namespace

TEST_CASE("a plugin is unloaded as soon as its answer is there, whatever the way of answering") {
  const support::watchdog watch;
  const one_cpu together;
  bridge b(never_spins());
  host_bridge = &b;
  one_cpu::first();
  for (int way = 0; way < static_cast<int>(answer_by::refusal); ++way) {
    CAPTURE(way);
    for (int times = 0; times < 20; ++times) {
      REQUIRE(answer_and_unload(b, static_cast<answer_by>(way)) == 1);
      support::catch_up(b);  // before it is loaded again
    }
  }
}

TEST_CASE("a plugin is unloaded as soon as its call was refused by a stop") {
  const support::watchdog watch;
  for (int times = 0; times < 100; ++times) {
    loopbridge::options opts = never_spins();
    opts.on_stop = loopbridge::queued_calls::refuse;
    const one_cpu together;
    bridge b(opts);
    const support::held_loop held(b);
    std::thread caller([&]() noexcept {
      one_cpu::first();
      CHECK(answer_and_unload(b, answer_by::refusal) == 1);
    });
    support::until_waiting(b, 1);
    b.stop_reentrant();
    held.release();
    caller.join();
  }
}
