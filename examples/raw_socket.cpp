// A client of a server, on a socket of its own, that any thread may ask: all that the adapter of a
// client library consists of. The server, which answers each line, is here too.

#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/fd_watcher.hpp>
#include <loopbridge/uv/owned.hpp>
#include <loopbridge/uv/timer.hpp>
#include <queue>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plain_socket.hpp"

using namespace std::chrono_literals;

// [readme]
class connection {  // the loop's: only its thread comes here
 public:
  connection(loopbridge::loop_ref loop, std::uint16_t port)
      : socket_(plain::connect_to(port)),
        watcher_(loop, [this](loopbridge::fd_events e) { on_events(e); }),
        patience_(loop, [this] { fail("the server is silent"); }) {}
  ~connection() { fail("the client is gone"); }

  loopbridge::deferred<std::string> ask(const std::string& line) {
    unsent_ += line + '\n';
    if (asked_.empty()) patience_.start(1s);
    auto answer = asked_.emplace().get_deferred();
    send_some();
    return answer;
  }

 private:
  void on_events(loopbridge::fd_events e) {
    if (e.readable) receive_some();
    if (e.writable) send_some();
  }
  void send_some() {
    const ssize_t n =
        send(socket_.fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) unsent_.erase(0, static_cast<std::size_t>(n));
    using enum loopbridge::fd_interest;
    watcher_.watch(socket_.fd(), unsent_.empty() ? read : both);
  }
  void receive_some() {
    char some[4096];
    const ssize_t n = recv(socket_.fd(), some, sizeof(some), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return fail("the server has hung up");  // an error comes here, too
    received_.append(some, static_cast<std::size_t>(n));
    for (std::size_t end; (end = received_.find('\n')) != std::string::npos && !asked_.empty();) {
      asked_.front().resolve(received_.substr(0, end));
      asked_.pop();
      received_.erase(0, end + 1);
    }
    asked_.empty() ? patience_.stop() : patience_.start(1s);
  }
  void fail(const char* why) {
    watcher_.stop();
    patience_.stop();
    for (; !asked_.empty(); asked_.pop()) {
      asked_.front().reject(std::make_exception_ptr(std::runtime_error(why)));
    }
  }

  plain::socket socket_;  // before the watcher, which so lets go of it first
  loopbridge::fd_watcher watcher_;
  loopbridge::timer patience_;
  std::string unsent_, received_;
  std::queue<loopbridge::completer<std::string>> asked_;
};

class client {  // any thread's: made, used and destroyed like any other object
 public:
  client(loopbridge::bridge& loop, std::uint16_t port)
      : connection_(loop, [port](loopbridge::loop_ref l) { return connection(l, port); }) {}
  std::string ask(std::string line) {
    return connection_.call_for(5s, [line](connection& c) { return c.ask(line); });
  }

 private:
  loopbridge::owned<connection> connection_;
};
// [/readme]

/// Answers each line, until the client goes.
void serve(const plain::socket& listener) noexcept {
  const plain::socket s = listener.accept();
  for (std::string text; !(text = s.read_until("\n")).empty();) {
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;) {
      s.write("you said " + text.substr(begin, end - begin) + "\n");
      begin = end + 1;
    }
  }
}

int main() {
  std::uint16_t port = 0;
  const plain::socket listener = plain::listen_on(port);
  std::thread server([&]() noexcept { serve(listener); });
  int wrong = 0;
  {
    loopbridge::bridge loop;
    client c(loop, port);
    std::vector<std::thread> threads;
    for (int n = 1; n <= 4; ++n) {
      threads.emplace_back([&c, n]() noexcept {
        for (int i = 0; i < 100; ++i) (void)c.ask("hello from thread " + std::to_string(n));
      });
    }
    for (std::thread& t : threads) t.join();
    std::printf("%s\n", c.ask("good-bye").c_str());
    loop.stop();  // the connection is closed now, on the loop
    try {
      c.ask("too late");
      wrong = 1;
    } catch (const loopbridge::bridge_stopped& e) {
      std::printf("%s\n", e.what());
    }
  }
  server.join();
  return wrong;
}
