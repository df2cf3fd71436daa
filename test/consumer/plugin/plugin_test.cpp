// Plugins: libraries that are loaded and unloaded while the program runs. The dynamic linker holds
// its lock while their static objects are made and destroyed, and there are few pthread keys.
#include "plugin.hpp"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/log/log_sink.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/gate.hpp"
#include "support/held_loop.hpp"
#include "support/patience.hpp"
#include "support/resources.hpp"
#include "support/sanitizers.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("plugin");

using loopbridge::bridge;
using support::generous;

namespace {

std::function<void()> at_load, at_unload;

class loaded {
 public:
  explicit loaded(const char* name = "plugin")
      : path_((std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string() +
              ".so"),
        library_(dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) throw std::runtime_error(dlerror());
  }
  /// False: it is there still.
  bool unload() {
    return dlclose(library_) == 0 && dlopen(path_.c_str(), RTLD_NOW | RTLD_NOLOAD) == nullptr;
  }
  const plugin_functions& functions() const {
    return *static_cast<const plugin_functions*>(dlsym(library_, "plugin"));
  }
  int answer() const { return *static_cast<const int*>(dlsym(library_, "plugin_answer")); }

 private:
  std::string path_;
  void* library_;
};

loopbridge::task<int> add_one(bridge& other) {
  co_return 1 + co_await other.submit([] { return 5; });
}

/// Makes, uses and ends whatever there is. What went wrong; no doctest, which has thread_locals.
std::string use_everything() {
  loopbridge::options watched;
  watched.watchdog = {.callback = generous};
  watched.stop_at_thread_end = true;
  bridge b(watched), other;
  if (b.call([] { return 1; }) != 1) return "call";
  if (b.call([&] { return other.call([] { return 2; }); }) != 2) return "a loop's first wait";
  if (b.call([] { return bridge().call([] { return 3; }); }) != 3) return "a bridge on a loop";
  if (b.call_for(generous, [] { return 4; }) != 4) return "call_for";
  if (b.submit([&] { return add_one(other); }).get() != 6) return "task";
  try {
    b.call([]() -> int { throw std::runtime_error("no"); });
    return "no exception";
  } catch (const std::runtime_error&) {
  }
  b.post([] {});
  loopbridge::reentrant_call prepaid(b, [] {});
  if (prepaid.call_for(generous) != loopbridge::status::answered) return "reentrant_call";
  if (loopbridge::default_bridge().call([] { return 7; }) != 7) return "default_bridge";
  loopbridge::bridge_group group(2);
  if (group.next().call([] { return 8; }) != 8) return "group";
  std::atomic<int> written{0};
  loopbridge::log_options to_here;
  to_here.writer = {[&written](const loopbridge::log_line&) { ++written; }};
  loopbridge::log_sink log(to_here);
  if (log.log(loopbridge::log_level::info, "a line") != loopbridge::status::accepted) return "log";
  if (log.flush(generous) != loopbridge::status::answered || written != 1) return "flush";
  b.stop();
  return "";
}

std::string on_another_thread() {
  std::string said;
  std::thread([&said]() noexcept { said = use_everything(); }).join();
  return said;
}

/// How many pthread keys may be had.
int free_keys() {
  std::vector<pthread_key_t> taken;
  for (pthread_key_t key; pthread_key_create(&key, nullptr) == 0;) taken.push_back(key);
  for (const pthread_key_t key : taken) pthread_key_delete(key);
  return static_cast<int>(taken.size());
}

}  // namespace

void plugin_is_loading() {
  if (at_load) at_load();
}
void plugin_is_unloading() {
  if (at_unload) at_unload();
}

TEST_CASE(
    "static objects of a library that is loaded and unloaded make, use and end all there is") {
  const support::watchdog dog;
  std::string at_first = "?", at_last = "?";
  at_load = [&] { at_first = use_everything(); };
  at_unload = [&] { at_last = use_everything(); };
  loaded plugin;
  CHECK(plugin.answer() == 42);
  CHECK(plugin.functions().own.call([] { return 1; }) == 1);
  CHECK(plugin.unload());
  CHECK(at_first == "");
  CHECK(at_last == "");
}

TEST_CASE("so do threads that they wait for, and that have nothing of the library's yet") {
  const support::watchdog dog;
  std::string at_first = "?", at_last = "?";
  at_load = [&] { at_first = on_another_thread(); };
  at_unload = [&] { at_last = on_another_thread(); };
  loaded plugin;
  CHECK(plugin.unload());
  CHECK(at_first == "");
  CHECK(at_last == "");
}

TEST_CASE("a library is unloaded with its bridge at work: what is queued there runs first") {
  const support::watchdog dog;
  at_load = at_unload = nullptr;
  int ran = 0;
  for (int i = 0; i < 20; ++i) {
    loaded plugin;
    plugin.functions().post(plugin.functions().own, ran, 1000);
    CHECK(plugin.unload());
    CHECK(ran == 1000 * (i + 1));
  }
}

TEST_CASE("calls of a library's on another's bridge: it is unloaded once they have run") {
  const support::watchdog dog;
  bridge others;
  int ran = 0;
  loaded plugin;
  at_unload = [&] { others.call([] {}); };  // behind them
  {
    support::held_loop held(others);
    plugin.functions().post(others, ran, 1000);
    held.release();
  }
  CHECK(plugin.unload());
  at_unload = nullptr;
  CHECK(ran == 1000);
  others.call([] {});
}

// (Sanitizers' own books of thousands of libraries take minutes.)
TEST_CASE(
    "a library is loaded and unloaded 2500 times, alone or with a copy of this one in it: "
    "no key, thread or descriptor is left" *
    doctest::skip(support::has_asan || support::has_tsan)) {
  at_load = at_unload = nullptr;
  for (const char* const name : {"plugin", "plugin_with_library"}) {
    CAPTURE(name);
    int ran = 0;
    const auto once = [&] {
      const support::watchdog dog;
      loaded plugin(name);
      plugin.functions().post(plugin.functions().own, ran, 1);
      return plugin.answer() == 42 && plugin.unload();
    };
    REQUIRE(once());
    const int keys = free_keys();
    const auto before = support::resources::in_use();
    int done = 0;
    while (done < 2500 && once()) ++done;
    CHECK(done == 2500);
    CHECK(ran == 2501);
    CHECK(free_keys() == keys);
    CHECK(before.are_back());
  }
}

// (ThreadSanitizer has std::atexit's functions run at exit only, not by dlclose. What the library
// never frees, the vertices of loops' threads, goes with its copy, which LeakSanitizer sees.)
TEST_CASE("threads that end when the library is gone that they have used are not asked for it" *
          doctest::skip(support::has_asan || support::has_tsan)) {
  const support::watchdog dog;
  at_load = at_unload = nullptr;
  const support::gate used, unloaded;
  int ran = 0;
  loaded plugin("plugin_with_library");
  std::thread user([&]() noexcept {
    plugin.functions().post(plugin.functions().own, ran, 1);
    used.open();
    (void)unloaded.wait();
  });
  REQUIRE(used.wait());
  CHECK(plugin.unload());
  unloaded.open();
  user.join();
  CHECK(ran == 1);
}
