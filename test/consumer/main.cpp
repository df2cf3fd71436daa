// A program that knows loopbridge only as an installed library: it uses what is compiled into the
// library, what is inline in the headers, and libuv through a loop_ref.
#include <signal.h>
#include <uv.h>

#include <cstdio>
#include <loopbridge/loopbridge.hpp>

namespace {

loopbridge::reentrant_call* on_signal = nullptr;

void handler(int) {
  (void)on_signal->post();
}

}  // namespace

int main() {
  loopbridge::bridge b;

  bool loop_is_real = b.call([](loopbridge::loop_ref loop) { return uv_backend_fd(loop) >= 0; });
  int sum = b.submit([x = 40, y = 2] { return x + y; }).get();

  int signals = 0;  // the loop's alone until the bridge has stopped
  loopbridge::reentrant_call count(b, [&signals] { ++signals; });
  on_signal = &count;
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  b.stop();

  std::printf("loop %d, sum %d, signals %d\n", loop_is_real, sum, signals);
  return loop_is_real && sum == 42 && signals == 1 ? 0 : 1;
}
