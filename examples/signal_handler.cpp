// Code that was interrupted at an arbitrary instruction, perhaps inside malloc, and code that must
// not fail: a signal handler and a destructor hand their work to the loop.

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <set>

using namespace std::chrono_literals;

// [readme]
loopbridge::reentrant_call* reload;  // made before the signal comes: firing it cannot fail

void on_hangup(int) {
  (void)reload->post();
}

void on_interrupt(int) {  // may even wait, with a deadline
  if (reload->call_for(1s) != loopbridge::status::answered) std::_Exit(1);
}

std::set<int> sessions;  // the loop's: no other thread touches it

void forget(int id) {
  sessions.erase(id);
}

struct session {
  loopbridge::bridge& bridge;
  int id;
  ~session() { (void)bridge.post_reentrant(forget, id); }  // as a collector's finalizer would
};
// [/readme]

int main() {
  loopbridge::bridge bridge;
  std::uint64_t reloads = 0;
  loopbridge::reentrant_call call(bridge, [&](std::uint64_t times) {
    reloads += times;
    std::printf("reloading, asked for %d times\n", static_cast<int>(times));
  });
  reload = &call;
  std::signal(SIGHUP, on_hangup);
  std::signal(SIGINT, on_interrupt);
  {
    bridge.call([] { sessions = {1, 2}; });
    const session one{bridge, 1}, two{bridge, 2};
    for (int i = 0; i < 3; ++i) std::raise(SIGHUP);
    std::raise(SIGINT);
  }
  const auto open = bridge.call([] { return sessions.size(); });
  std::printf("reloads: %d, open sessions: %d\n", static_cast<int>(reloads),
              static_cast<int>(open));
  return reloads == 4 && open == 0 ? 0 : 1;
}
