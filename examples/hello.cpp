#include <uv.h>

#include <cstdio>
#include <loopbridge/loopbridge.hpp>

unsigned count_handles(loopbridge::loop_ref loop, const char* greeting) {
  std::printf("%s from the loop's thread: libuv %s\n", greeting, uv_version_string());
  unsigned count = 0;
  uv_walk(loop, [](uv_handle_t*, void* c) { ++*static_cast<unsigned*>(c); }, &count);
  return count;
}

int main() {
  loopbridge::bridge bridge;  // a libuv loop, running in a thread of its own

  // Runs there, and waits. What it returns, or throws, arrives here.
  const unsigned handles =
      bridge.call([](loopbridge::loop_ref loop) { return count_handles(loop, "hello"); });
  std::printf("hello from main: the loop has %u handles\n", handles);
}
