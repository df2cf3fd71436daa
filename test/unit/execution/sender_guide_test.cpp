// The guide's page on senders.
#include <doctest/doctest.h>

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>

#include "support/senders.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("sender_guide");

using namespace std::chrono_literals;

namespace {

// [readme]
// ex: std::execution, or stdexec
int pages_of(loopbridge::bridge& bridge, loopbridge::eventual<std::string> text) {
  const auto loop = loopbridge::get_scheduler(bridge);
  // Lazy: nothing runs before it is waited for. Both functions run on the loop.
  auto slow = ex::then(loop.schedule_after(10ms), [] { return 1; });
  auto count = loopbridge::call_sender(bridge, [](loopbridge::loop_ref) { return 2; });
  // A call that was submitted already: a stop request cancels it.
  auto length = ex::then(loopbridge::as_sender(std::move(text)),
                         [](const std::string& t) { return static_cast<int>(t.size()); });
  int sum = 0;
  for (const auto& answer : {ex::sync_wait(std::move(slow)), ex::sync_wait(std::move(count)),
                             ex::sync_wait(std::move(length))}) {
    if (!answer) throw std::runtime_error("stopped");  // cancelled, or the bridge has stopped
    sum += std::get<0>(*answer);
  }
  return sum;
}
// [/readme]

}  // namespace

TEST_CASE("the guide's senders") {
  const support::watchdog deadline;
  loopbridge::bridge bridge;
  CHECK(pages_of(bridge, bridge.submit([] { return std::string("abc"); })) == 6);
  bridge.stop();
  CHECK_THROWS_AS(pages_of(bridge, {}), loopbridge::no_state);
}
