// The client of NATS where memory runs out on threads that are not the caller's, nor the loop's.
#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/nats.hpp"
#include "loopbridge/errors.hpp"
#include "support/nats_server.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

thread_local bool is_spared = false;
std::atomic<bool> armed{false};
std::atomic<int> left{0};  ///< allocations that succeed before one does not

bool refuses() noexcept {
  return armed && !is_spared && left-- == 0;
}

/// What the client's user does. It may fail, as there may be no memory for it.
template <class F>
void try_to(F&& f) {
  try {
    f();
  } catch (const loopbridge::error&) {
  }
}

}  // namespace

void* operator new(std::size_t size) {
  void* const block = refuses() ? nullptr : std::malloc(size != 0 ? size : 1);
  return block != nullptr ? block : throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

TEST_CASE("wherever there was no memory, all is well when there is") {
  const support::watchdog dog;
  is_spared = true;
  support::nats_server server;
  bool has_failed = true;
  int n = 0;
  for (; has_failed; ++n) {
    CAPTURE(n);
    loopbridge::bridge b;
    b.call([] { is_spared = true; });
    std::atomic<int> seen = 0;
    c::nats client(b, {.servers = {server.url()}});
    left = n;
    armed = true;
    const auto sub = client.subscribe("counted", [&](const c::nats_message&) { ++seen; });
    try_to(
        [&] { client.request_for(300ms, {.subject = "nobody", .headers = {{"Name", "value"}}}); });
    server.process().kill();
    server.process().start();
    try_to([&] { client.flush_for(300ms); });
    try_to([&] { client.request_for(300ms, {.subject = "nobody"}); });
    armed = false;
    has_failed = left < 0;
    CHECK_THROWS_AS(client.request_for(support::generous, {.subject = "nobody"}), c::no_responders);
    const int before = seen;
    client.publish({.subject = "counted"});
    CHECK(support::comes_true([&] { return seen > before; }));
  }
  CHECK(n > 10);  // it has come to where there is memory for all
}
