#pragma once

// Uses loopbridge/execution.hpp as everything.hpp does the rest, behind the stand-in.
#include <chrono>
#include <loopbridge/execution.hpp>
#include <loopbridge/loopbridge.hpp>

inline void use_senders() {
  namespace ex = mini_execution;
  using ms = std::chrono::milliseconds;
  loopbridge::bridge b;
  const loopbridge::scheduler on = get_scheduler(b);
  ex::sync_wait(on.schedule());
  ex::sync_wait(on.schedule_after(ms(1)));
  ex::sync_wait(on.schedule_at(on.now()));
  ex::sync_wait(as_sender(b.submit([] { return 1; })));
  ex::sync_wait(loopbridge::call_sender(b, [] { return 1; }));
  ex::sync_wait(loopbridge::call_sender(b, []() -> loopbridge::task<> { co_return; }));
  ex::sync_wait(loopbridge::call_sender(b, [&b] { return b.submit([] { return 1; }); }));
}
