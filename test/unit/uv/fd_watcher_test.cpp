#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/uv/error.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "support/counted.hpp"
#include "support/error_log.hpp"
#include "support/socket_pair.hpp"

TEST_SUITE_BEGIN("fd_watcher");

namespace {

using loopbridge::fd_events;
using loopbridge::fd_interest;
using loopbridge::fd_watcher;
using loopbridge::manual_bridge;
using support::socket_pair;

/// "r" for readable, "w" for writable, "e" for an error, for each call.
struct trace {
  std::function<void(fd_events)> into() {
    return [this](fd_events e) {
      seen += e.readable ? "r" : "";
      seen += e.writable ? "w" : "";
      seen += e.error < 0 ? "e" : "";
      seen += ".";
    };
  }
  std::string seen;
};

/// What a turn of the loop tells.
std::string turn(manual_bridge& m, trace& t) {
  t.seen.clear();
  m.run_once();
  return t.seen;
}

/// The code that watch() throws, and its message.
std::pair<int, std::string> error_of_watching(fd_watcher& w, int fd) {
  try {
    w.watch(fd, fd_interest::read);
  } catch (const std::system_error& e) {
    CHECK(e.code().category() == loopbridge::uv_category());
    CHECK_FALSE(w.is_watching());
    return {e.code().value(), e.what()};
  }
  return {0, ""};
}

bool says(const std::string& text, const char* word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("it tells what can be read and written, in each turn, for as long as that lasts") {
  manual_bridge m;
  const socket_pair s;
  trace t;
  fd_watcher w(m.loop(), t.into());
  CHECK_FALSE(w.is_watching());
  w.watch(s.near, fd_interest::read);
  CHECK(w.is_watching());
  CHECK(turn(m, t).empty());
  s.send();
  CHECK(turn(m, t) == "r.");
  CHECK(turn(m, t) == "r.");
  w.watch(s.near, fd_interest::both);
  CHECK(turn(m, t) == "rw.");
  w.watch(s.near, fd_interest::write);
  CHECK(turn(m, t) == "w.");
  w.watch(s.near, fd_interest::none);
  CHECK_FALSE(w.is_watching());
  CHECK(turn(m, t).empty());
  w.watch(s.near, fd_interest::read);
  CHECK(turn(m, t) == "r.");
  CHECK(s.receive() == "x");
  CHECK(turn(m, t).empty());
}

TEST_CASE("it may be stopped again and again, and before it was ever started") {
  manual_bridge m;
  const socket_pair s;
  trace t;
  fd_watcher w(m.loop(), t.into());
  w.stop();
  w.watch(s.near, fd_interest::write);
  w.stop();
  w.stop();
  CHECK(turn(m, t).empty());
  w.stop();
  w.watch(s.near, fd_interest::write);
  CHECK(turn(m, t) == "w.");
}

TEST_CASE("its function may change the interest, go to another descriptor, and stop it") {
  manual_bridge m;
  const socket_pair one;
  const socket_pair two;
  std::string order;
  std::optional<fd_watcher> w;
  w.emplace(m.loop(), [&](fd_events e) {
    order += e.writable ? "w" : "r";
    if (order == "w") return w->watch(one.near, fd_interest::read);
    if (order == "wr") return w->watch(two.near, fd_interest::read);
    order += two.receive();
    w->stop();
  });
  one.send("1");
  two.send("2");
  w->watch(one.near, fd_interest::write);
  m.run_until_idle();
  CHECK(order == "wrr2");
}

TEST_CASE("its function may destroy it, and lasts until it has returned") {
  manual_bridge m;
  const socket_pair s;
  support::counts counts;
  std::unique_ptr<fd_watcher> w;
  int alive_then = 0;
  w = std::make_unique<fd_watcher>(m.loop(),
                                   [&, t = std::make_shared<support::token>(counts)](fd_events) {
                                     w.reset();
                                     alive_then = counts.alive();
                                   });
  w->watch(s.near, fd_interest::write);
  m.run_until_idle();
  CHECK(alive_then == 1);
  CHECK(counts.alive() == 0);
}

TEST_CASE("a watcher that destroys another which has news in the same turn: that hears nothing") {
  manual_bridge m;
  const socket_pair s[2];
  std::optional<fd_watcher> w[2];
  int calls = 0;
  for (int n = 0; n < 2; ++n) {
    w[n].emplace(m.loop(), [&, n](fd_events) {
      ++calls;
      w[1 - n].reset();
      w[n]->stop();
    });
    w[n]->watch(s[n].near, fd_interest::write);
  }
  m.run_until_idle();
  CHECK(calls == 1);
}

TEST_CASE("two watchers may watch one descriptor, each for what it wants") {
  manual_bridge m;
  const socket_pair s;
  trace reads;
  trace writes;
  fd_watcher reader(m.loop(), reads.into());
  std::optional<fd_watcher> writer(std::in_place, m.loop(), writes.into());
  reader.watch(s.near, fd_interest::read);
  writer->watch(s.near, fd_interest::write);
  s.send();
  CHECK(turn(m, reads) == "r.");
  CHECK(writes.seen == "w.");
  writer.reset();
  CHECK(turn(m, reads) == "r.");
}

TEST_CASE("what cannot be watched is an error that says why, and the next one is watched") {
  manual_bridge m;
  const socket_pair s;
  trace t;
  fd_watcher w(m.loop(), t.into());
  w.watch(s.near, fd_interest::write);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const auto of_file = error_of_watching(w, file);
  CHECK(of_file.first == UV_EPERM);
  CHECK(says(of_file.second, "always ready"));
  CHECK(turn(m, t).empty());
  close(file);
  const auto of_closed = error_of_watching(w, file);
  CHECK(of_closed.first == UV_EBADF);
  CHECK(says(of_closed.second, ("descriptor " + std::to_string(file) + ": ").c_str()));
  CHECK(error_of_watching(w, -1).first == UV_EBADF);
  w.watch(s.near, fd_interest::write);
  CHECK(turn(m, t) == "w.");
}

TEST_CASE("no descriptor is left to poll by: an error, and nothing is lost") {
  manual_bridge m;
  const socket_pair s;
  trace t;
  fd_watcher w(m.loop(), t.into());
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int lowest = dup(s.near);
  close(lowest);
  const rlimit none_left{static_cast<rlim_t>(lowest), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none_left);
  const auto refused = error_of_watching(w, s.near);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(refused.first == UV_EMFILE);
  CHECK(says(refused.second, "ulimit"));
  w.watch(s.near, fd_interest::write);
  CHECK(turn(m, t) == "w.");
}

TEST_CASE("a uv_poll_t of the program's whose descriptor was closed is named, not stumbled over") {
  manual_bridge m;
  const socket_pair s;
  const int number = dup(s.near);
  uv_poll_t left_open;
  REQUIRE(uv_poll_init(m.loop(), &left_open, number) == 0);
  uv_poll_start(&left_open, UV_READABLE, [](uv_poll_t*, int, int) {});
  m.run_once();
  close(number);  // the next duplicate gets it
  trace t;
  fd_watcher w(m.loop(), t.into());
  const auto refused = error_of_watching(w, s.near);
  CHECK(refused.first == UV_EEXIST);
  CHECK(says(refused.second, "uv_poll_stop() or uv_close()"));
  uv_close(reinterpret_cast<uv_handle_t*>(&left_open), nullptr);
  w.watch(s.near, fd_interest::write);
  CHECK(turn(m, t) == "w.");
}

TEST_CASE("what its function throws goes to the bridge's hook, with the place of the watcher") {
  const support::error_log log;
  manual_bridge m(support::reporting_to(log));
  const socket_pair s;
  std::unique_ptr<fd_watcher> w(new fd_watcher(m.loop(), [&](fd_events) {
    w.reset();
    throw std::runtime_error("in the callback");
  }));
  w->watch(s.near, fd_interest::write);
  m.run_until_idle();
  REQUIRE(log.size() == 1);
  CHECK(log.entries()[0].what == "in the callback");
  CHECK(says(log.entries()[0].file, "fd_watcher_test.cpp"));
}

TEST_CASE("an empty function is refused when the watcher is made") {
  manual_bridge m;
  CHECK_THROWS_AS(fd_watcher(m.loop(), nullptr), std::invalid_argument);
}

TEST_CASE("the program closes all handles of the loop: the watcher makes another") {
  manual_bridge m;
  const socket_pair s;
  trace t;
  std::optional<fd_watcher> w(std::in_place, m.loop(), t.into());
  w->watch(s.near, fd_interest::write);
  uv_walk(
      m.loop(),
      [](uv_handle_t* h, void*) {
        if (h->type == UV_POLL && uv_has_ref(h) != 0) uv_close(h, nullptr);
      },
      nullptr);
  w->watch(s.near, fd_interest::write);
  CHECK(turn(m, t) == "w.");
}

TEST_CASE("one that is left when the bridge stops is reported, and may be destroyed later") {
  std::vector<std::string> reported;
  loopbridge::options opts;
  opts.on_open_handle = [&](const loopbridge::open_handle& h) { reported.emplace_back(h.type); };
  socket_pair s;
  trace t;
  std::optional<fd_watcher> w;
  {
    manual_bridge m(opts);
    w.emplace(m.loop(), t.into());
    w->watch(s.near, fd_interest::read);
  }
  CHECK(reported == std::vector<std::string>{"poll"});
  w.reset();
  s.close_near();
  CHECK(s.far_has_ended());
}
