// A blocking program that can be interrupted: Ctrl-C ends the wait, and not the program, which
// then cleans up after itself, on the loop too.

#include <csignal>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>

// [readme]
loopbridge::interrupt_source ctrl_c;  // made before the signal comes

void on_interrupt(int) {
  ctrl_c.trip();
}

bool wait_for(loopbridge::eventual<int>& answer) {
  try {
    std::printf("the answer is %d\n", answer.get(ctrl_c));
    return true;
  } catch (const loopbridge::interrupted&) {  // the call goes on until it is cancelled
    std::puts(answer.cancel() ? "given up" : "too late to give up");
    return false;
  }
}

loopbridge::bridge make_bridge() {
  loopbridge::options opts;
  opts.stop_at_thread_end = true;  // the end of this thread releases the waiters in others
  loopbridge::bridge bridge(opts);
  bridge.at_stop([] { std::puts("the loop ends"); });
  bridge.at_stop([] { std::puts("first its files are closed"); });  // the last one runs first
  return bridge;
}
// [/readme]

int main() {
  std::signal(SIGINT, on_interrupt);
  loopbridge::bridge bridge = make_bridge();
  loopbridge::completer<int> never;
  auto answer = bridge.submit([d = never.get_deferred()]() mutable { return std::move(d); });
  std::raise(SIGINT);  // as the terminal would
  const bool answered = wait_for(answer);

  ctrl_c.reset();
  auto quick = bridge.submit([] { return 42; });
  return !answered && wait_for(quick) ? 0 : 1;
}
