// The default bridge: each case is a process of its own, which has not used it before.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <barrier>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <loopbridge/loopbridge.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/gate.hpp"
#include "support/in_child.hpp"
#include "support/patience.hpp"

// ThreadSanitizer ends a forked child that starts threads.
TEST_SUITE_BEGIN("default bridge" * doctest::skip(support::has_tsan));

using loopbridge::adopt;
using loopbridge::bridge;
using loopbridge::default_bridge;
using loopbridge::options;
using loopbridge::restart_in_child;
using loopbridge::status;
using support::in_child;

namespace {

constexpr int own_code = 3;

auto threads_here() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

/// Is it std::logic_error, and does it say `hint`?
template <class F>
bool is_misuse(F&& f, const std::string& hint) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return std::string(e.what()).find(hint) != std::string::npos;
  }
  return false;
}

}  // namespace

TEST_CASE("nothing happens before the first use; threads that use it at once get the same one") {
  CHECK(in_child([] {
          if (threads_here() != 1) return 1;
          constexpr int users = 8;
          std::vector<bridge*> got(users);
          std::barrier<> at_once(users);
          {
            std::vector<std::jthread> threads;
            for (bridge*& g : got) {
              threads.emplace_back([&]() noexcept {
                at_once.arrive_and_wait();
                g = &default_bridge();
              });
            }
          }
          if (std::set(got.begin(), got.end()).size() != 1) return 2;
          if (got[0] != &default_bridge() || got[0]->call([] { return 7; }) != 7) return 3;
          // The other ones have ended.
          return support::comes_true([] { return threads_here() == 2; }) ? 0 : 4;
        }) == 0);
}

TEST_CASE("a process that forks first has a default bridge of its own") {
  CHECK(in_child([] {
          const int child = in_child([] { return default_bridge().call([] { return 5; }); });
          return child == 5 && default_bridge().call([] { return true; }) ? 0 : 1;
        }) == 0);
}

namespace {

std::atomic<bool> younger_found_it_at_work{false};
std::atomic<bool> waiter_was_told{false};

struct older {
  ~older() {
    const bool stopped = default_bridge().try_post([] {}) == status::bridge_stopped;
    const bool told = support::comes_true([] { return waiter_was_told.load(); });
    _exit(stopped && told && younger_found_it_at_work ? own_code : 1);
  }
};
struct younger {
  ~younger() {
    younger_found_it_at_work = default_bridge().call([] { return true; });
  }
};

}  // namespace

TEST_CASE("at exit it stops: younger objects find it at work, older ones stopped, nobody waits") {
  CHECK(in_child([]() -> int {
          static const older made_before;
          const support::gate waits;
          std::thread([waits]() noexcept {
            loopbridge::completer<int> never;
            try {
              default_bridge().call([&] {
                waits.open();
                return never.get_deferred();
              });
            } catch (const loopbridge::bridge_stopped&) {
              waiter_was_told = true;
            }
          }).detach();
          if (!waits.wait()) return 1;
          static const younger made_after;
          std::exit(2);
        }) == own_code);
}

TEST_CASE("a call on its loop may end the process") {
  CHECK(in_child([]() -> int {
          default_bridge().call([] { std::exit(own_code); });
          return 1;
        }) == own_code);
}

TEST_CASE("a stop is for all its users, and for good") {
  CHECK(in_child([] {
          default_bridge().stop();
          return default_bridge().try_post([] {}) == status::bridge_stopped ? 0 : 1;
        }) == 0);
}

TEST_CASE("in a forked child it refuses, until it is made anew there") {
  CHECK(in_child([] {
          bridge& parents = default_bridge();
          parents.call([] {});
          if (!is_misuse([] { restart_in_child(); }, "forked child")) return 1;
          const int child = in_child([&] {
            if (default_bridge().try_post([] {}) != status::wrong_process) return 1;
            bridge& ours = restart_in_child();
            if (&default_bridge() != &ours || ours.call([] { return 7; }) != 7) return 2;
            if (parents.try_post([] {}) != status::wrong_process) return 3;
            return is_misuse([] { restart_in_child(); }, "forked child") ? 0 : 4;
          });
          return child == 0 && parents.call([] { return true; }) ? 0 : 100 + child;
        }) == 0);
}

namespace {
struct looks_at_exit {
  ~looks_at_exit() { _exit(default_bridge().stop_requested() ? own_code : 1); }
};
}  // namespace

TEST_CASE("the one that a child makes anew stops when the child exits") {
  CHECK(in_child([] {
          static const looks_at_exit made_before;
          default_bridge();
          return in_child([]() -> int {
            restart_in_child().call([] {});
            std::exit(2);
          });
        }) == own_code);
}

TEST_CASE("options are for its making, and later an error that says so") {
  CHECK(in_child([] {
          options opts;
          opts.capacity = 1;
          opts.patience = std::chrono::nanoseconds(0);
          bridge& b = default_bridge(opts);
          if (&default_bridge() != &b) return 1;
          const bool bounded = b.call([&b] {
            return b.try_post([] {}) == status::accepted &&
                   b.try_post([] {}) == status::bridge_full;
          });
          if (!bounded) return 2;
          return is_misuse([] { default_bridge(options()); }, "comes too late") ? 0 : 3;
        }) == 0);
}

TEST_CASE("an application may lend its own loop to all, before anybody asks") {
  CHECK(in_child([] {
          uv_loop_t loop;
          if (uv_loop_init(&loop) != 0) return 1;
          bridge& b = default_bridge(adopt{&loop});
          int ran = 0;
          default_bridge().post([&ran] { ++ran; });
          uv_run(&loop, UV_RUN_DEFAULT);
          if (ran != 1 || &default_bridge() != &b) return 2;
          if (threads_here() != 1) return 3;
          if (!is_misuse([&loop] { default_bridge(adopt{&loop}); }, "comes too late")) return 4;
          b.stop();
          uv_run(&loop, UV_RUN_NOWAIT);
          if (uv_loop_close(&loop) != 0) return 5;
          std::exit(own_code);
        }) == own_code);
  CHECK(in_child([] {
          default_bridge();
          uv_loop_t loop;
          if (uv_loop_init(&loop) != 0) return 1;
          const bool said = is_misuse([&loop] { default_bridge(adopt{&loop}); }, "bridge::adopt()");
          return said && uv_loop_close(&loop) == 0 ? 0 : 2;
        }) == 0);
}

TEST_CASE("what cannot be made is not there: the next one to ask tries again") {
  CHECK(in_child([] {
          try {
            default_bridge(adopt{nullptr});
            return 1;
          } catch (const std::invalid_argument&) {
          }
          rlimit before{};
          getrlimit(RLIMIT_NOFILE, &before);
          const rlimit none{0, before.rlim_max};
          setrlimit(RLIMIT_NOFILE, &none);
          try {
            default_bridge();
            return 2;
          } catch (const std::system_error&) {
          }
          setrlimit(RLIMIT_NOFILE, &before);
          return default_bridge().call([] { return true; }) ? 0 : 3;
        }) == 0);
}
