// A queue without a loop: a signal handler puts what has happened, and a plain thread, which may do
// what handlers may not, gets it.

#include <csignal>
#include <cstdio>
#include <loopbridge/handlers/reentrant_queue.hpp>
#include <loopbridge/loopbridge.hpp>
#include <thread>

// [readme]
loopbridge::reentrant_queue<int>* events;  // made before the first signal

void on_signal(int number) {
  (void)events->put_reentrant(number);  // or says `exhausted`: 256 wait already
}

int serve(loopbridge::reentrant_queue<int>& queue) {
  int served = 0;
  try {
    for (;; ++served) std::printf("signal %d\n", queue.get());
  } catch (const loopbridge::queue_closed&) {  // closed, and all is served
    return served;
  }
}
// [/readme]

int main() {
  loopbridge::reentrant_queue<int> queue;
  events = &queue;
  std::signal(SIGUSR1, on_signal);
  std::signal(SIGUSR2, on_signal);
  int served = 0;
  std::thread server([&]() noexcept { served = serve(queue); });
  for (int n = 0; n < 3; ++n) std::raise(SIGUSR1);
  std::raise(SIGUSR2);
  queue.close();  // a handler may do that, too
  server.join();
  std::printf("%d served\n", served);
  return served == 4 ? 0 : 1;
}
