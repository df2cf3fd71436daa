// A blocking program runs other programs and awaits their ends, one of them with too little
// patience. It keeps SIGCHLD blocked, as programs do that wait for children of their own by
// sigwait: the loop hears of its own all the same.

#include <signal.h>
#include <uv.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;

struct ended {
  std::int64_t code;
  int signal;  // 0: it ended by itself
};

struct child {
  uv_process_t process{};
  loopbridge::completer<ended> done;
  std::shared_ptr<child> self;  // until libuv has closed the handle
};

void close(child& c) {
  uv_close(reinterpret_cast<uv_handle_t*>(&c.process),
           [](uv_handle_t* h) { static_cast<child*>(h->data)->self.reset(); });
}

void on_exit(uv_process_t* process, std::int64_t code, int signal) {
  child& c = *static_cast<child*>(process->data);
  c.done.resolve(ended{code, signal});
  close(c);
}

loopbridge::deferred<ended> run(loopbridge::loop_ref loop, std::vector<std::string> command) {
  std::vector<char*> args;
  for (std::string& word : command) args.push_back(word.data());
  args.push_back(nullptr);
  uv_stdio_container_t streams[3]{};  // it has no input; its output goes where ours does
  for (int fd = 1; fd < 3; ++fd) {
    streams[fd].flags = UV_INHERIT_FD;
    streams[fd].data.fd = fd;
  }
  uv_process_options_t how{};
  how.file = args[0];
  how.args = args.data();
  how.stdio = streams;
  how.stdio_count = 3;
  how.exit_cb = on_exit;

  auto c = std::make_shared<child>();
  const int error = uv_spawn(loop, &c->process, &how);
  c->process.data = c.get();
  c->self = c;
  if (error != 0) {
    close(*c);
    throw std::runtime_error(command[0] + ": " + uv_strerror(error));  // arrives at the caller
  }
  c->done.on_cancel([c] {  // nobody waits any more; on_exit still comes, and closes
    uv_process_kill(&c->process, SIGKILL);
  });
  return c->done.get_deferred();
}

int main() {
  sigset_t sigchld;
  sigemptyset(&sigchld);
  sigaddset(&sigchld, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &sigchld, nullptr);

  loopbridge::bridge bridge;
  using words = std::vector<std::string>;
  try {
    const auto child = [](words command) {
      return [command](loopbridge::loop_ref loop) { return run(loop, command); };
    };
    const ended talker = bridge.call_for(10s, child({"sh", "-c", "echo from a child; exit 3"}));
    std::printf("it ended with %d\n", static_cast<int>(talker.code));

    try {
      (void)bridge.call_for(50ms, child({"sleep", "1000"}));
      return 1;
    } catch (const loopbridge::timed_out&) {
      std::puts("the sleeper was killed");
    }
    try {
      (void)bridge.call_for(10s, child({"no-such-program"}));
      return 1;
    } catch (const std::runtime_error& e) {
      std::printf("%s\n", e.what());
    }
    // The sleeper's end is libuv's to collect: wait for its handle to be closed.
    const auto children = [](loopbridge::loop_ref loop) {
      int count = 0;
      uv_walk(
          loop,
          [](uv_handle_t* h, void* n) { *static_cast<int*>(n) += h->type == UV_PROCESS ? 1 : 0; },
          &count);
      return count;
    };
    while (bridge.call(children) != 0) {
    }
    return talker.code == 3 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "child_process: %s\n", e.what());
    return 1;
  }
}
