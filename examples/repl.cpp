// A running, blocking program that can be asked how it is: a prompt on a Unix socket, which the
// loop serves while the program is busy. Only its user gets in. Usage: repl serve, and then, say,
// nc -U PATH. Without `serve` it asks itself.

#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <loopbridge/loopbridge.hpp>
#include <string>
#include <thread>

#include "line_server.hpp"
#include "plain_socket.hpp"

/// The program's own work: it never looks at the loop.
class prime_search {
 public:
  void run() {
    for (long n = 2; goes_on; ++n) {
      bool prime = true;
      for (long d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
      if (prime) ++found_;
    }
  }
  void stop() { goes_on = false; }
  long found() const { return found_; }

 private:
  std::atomic<bool> goes_on{true};
  std::atomic<long> found_{0};
};

std::string answer(const std::string& line, prime_search& search, loopbridge::bridge& bridge) {
  if (line == "primes") return std::to_string(search.found()) + " so far";
  if (line == "stats") {
    const loopbridge::statistics s = bridge.stats();
    return "calls run: " + std::to_string(s.run) + ", the loop slept: " + std::to_string(s.sleeps);
  }
  if (line == "stop") {
    search.stop();
    return "the program ends";
  }
  const std::string all = "primes stats stop quit help";
  return line == "help" ? all : "unknown; there are: " + all;
}

/// What somebody at a terminal would do.
bool talk(const std::string& path) {
  struct stat mode{};
  plain::checked(stat(path.c_str(), &mode), "stat");
  bool fine = (mode.st_mode & 0777) == 0600;
  const plain::socket s = plain::connect_to(path);
  const auto ask = [&](const std::string& line, const std::string& expected) {
    s.write(line + "\n");
    const std::string got = s.read_until("> ");
    std::printf("%s\n%s", line.c_str(), got.c_str());
    fine = fine && got.find(expected) != std::string::npos;
  };
  std::fputs(s.read_until("> ").c_str(), stdout);
  ask("help", "stats");
  ask("primes", "so far");
  ask("stats", "calls run: ");
  ask("sesame", "unknown");
  ask("stop", "ends");
  s.write("quit\n");
  std::printf("quit\n");
  return fine && s.read_until().empty();
}

int main(int argc, char** argv) {
  try {
    const bool serves = argc > 1 && std::string(argv[1]) == "serve";
    prime_search search;
    loopbridge::bridge bridge;
    const line_server server(bridge,
                             [&](const std::string& line) { return answer(line, search, bridge); });
    if (serves) {
      std::printf("ask me: nc -U %s\n", server.path().c_str());
      std::fflush(stdout);
      search.run();
      return 0;
    }
    bool fine = false;
    std::thread user([&]() noexcept {
      try {
        fine = talk(server.path());
      } catch (const std::exception& e) {
        std::fprintf(stderr, "repl: %s\n", e.what());
      }
      search.stop();
    });
    search.run();
    user.join();
    return fine ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "repl: %s\n", e.what());
    return 1;
  }
}
