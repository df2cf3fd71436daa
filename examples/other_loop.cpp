// A loop that is not libuv's learns that a result is there: as Qt, GTK or an epoll of one's own.

#include <poll.h>

#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <string>

// [readme]
int main() {
  loopbridge::bridge bridge;
  auto answer = bridge.submit([] { return std::string("from the loop"); });
  // QSocketNotifier(ready.fd(), ...) or g_unix_fd_add(ready.fd(), ...), where there is a loop.
  const loopbridge::ready_descriptor ready(answer);
  pollfd polled = {ready.fd(), POLLIN, 0};
  if (poll(&polled, 1, 10'000) != 1) return 1;
  std::printf("%s\n", answer.get().c_str());

  std::future<int> future = loopbridge::to_future(bridge.submit([] { return 42; }));
  return future.get() == 42 ? 0 : 1;
}
// [/readme]
