// Calls between four processes, while their server is killed and restarted under load.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "loopbridge/clients/nats_rpc.hpp"
#include "loopbridge/options.hpp"
#include "support/nats_server.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

extern char** environ;

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

/// This program once more, as the test case "worker". It ends when its input does, so also when
/// this process ends.
class worker {
 public:
  worker() {
    std::array<int, 2> input;
    REQUIRE(::pipe2(input.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    std::string words[] = {"/proc/self/exe", "--no-skip", "--test-case=worker", "--no-intro=1"};
    char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    const int failed = ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, argv, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    input_ = input[1];
    REQUIRE(failed == 0);
  }
  ~worker() { end(); }
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  void kill() { ::kill(pid_, SIGKILL); }
  /// Has it drain, and waits. Its exit status as of waitpid().
  int end() {
    if (pid_ == -1) return status_;
    ::close(input_);
    REQUIRE(::waitpid(pid_, &status_, 0) == pid_);
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int status_ = -1;
};

}  // namespace

TEST_CASE("worker" * doctest::skip()) {
  const char* const url = ::getenv("LOOPBRIDGE_TEST_URL");
  if (url == nullptr) return;  // somebody runs all that is skipped
  const int handled = ::open(::getenv("LOOPBRIDGE_TEST_FILE"), O_WRONLY | O_APPEND | O_CLOEXEC);
  REQUIRE(handled != -1);
  loopbridge::options quiet;  // answers that cannot be given, while the server is away
  quiet.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
  loopbridge::bridge b(quiet);
  c::nats_rpc rpc(b, {.servers = {url}});
  auto work = rpc.serve("work", [&](const std::string& id) {
    const std::string line = id + "\n";
    CHECK(::write(handled, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    return "done " + id;
  });
  auto who = rpc.serve("who", [](const std::string&) { return std::to_string(::getpid()); });
  char c;
  while (::read(STDIN_FILENO, &c, 1) > 0) continue;
  work.drain_for(support::generous);
  who.drain_for(support::generous);
}

TEST_CASE("no request is executed or answered twice, and none is lost without an error") {
  const support::watchdog dog;
  support::nats_server server;
  const support::scratch_directory directory;
  const std::string file = directory.path() + "/handled";
  std::ofstream{file};
  REQUIRE(::setenv("LOOPBRIDGE_TEST_URL", server.url().c_str(), 1) == 0);
  REQUIRE(::setenv("LOOPBRIDGE_TEST_FILE", file.c_str(), 1) == 0);
  std::array<worker, 3> workers;

  loopbridge::bridge b;
  c::nats_rpc rpc(b, {.servers = {server.url()}});
  std::set<std::string> seen;
  REQUIRE(support::comes_true([&] {
    try {
      seen.insert(rpc.remote_call_for(500ms, "who", ""));
    } catch (const loopbridge::error&) {  // none is there yet
    }
    return seen.size() == workers.size();
  }));

  std::mutex mutex;
  std::map<std::string, int> not_executed;  // as the errors say
  std::map<std::string, int> answered;
  int unknown = 0;
  int wrong = 0;
  std::atomic<int> asked = 0;
  std::atomic<int> answers = 0;
  std::atomic<bool> over = false;
  std::array<std::thread, 4> threads;
  for (std::thread& t : threads) {
    t = std::thread([&]() noexcept {
      while (!over) {
        const std::string id = std::to_string(asked++);
        try {
          const bool right = rpc.remote_call_for(300ms, "work", id) == "done " + id;
          const std::lock_guard lock(mutex);
          ++(right ? answered[id] : wrong);
          ++answers;
        } catch (const c::request_error& e) {
          const std::lock_guard lock(mutex);
          if (e.result() == c::outcome::not_sent) {
            ++not_executed[id];
          } else {
            ++(e.result() == c::outcome::unknown ? unknown : wrong);
          }
        } catch (...) {
          const std::lock_guard lock(mutex);
          ++wrong;
        }
      }
    });
  }
  const auto more = [&](int n) {
    const int before = answers;
    REQUIRE(support::comes_true([&] { return answers >= before + n; }));
  };
  for (int round = 0; round < 3; ++round) {
    more(200);
    server.process().kill();
    if (round == 1) workers[0].kill();
    server.process().start();
  }
  more(200);
  over = true;
  for (std::thread& t : threads) t.join();
  CHECK(WIFSIGNALED(workers[0].end()));
  CHECK(workers[1].end() == 0);
  CHECK(workers[2].end() == 0);

  std::map<std::string, int> executed;
  std::ifstream lines(file);
  for (std::string id; std::getline(lines, id);) ++executed[id];
  int twice = 0;
  for (const auto& [id, n] : executed) twice += n > 1;
  int never = 0;
  for (const auto& [id, n] : answered) never += executed.count(id) == 0;
  int in_spite = 0;
  for (const auto& [id, n] : not_executed) in_spite += executed.count(id) != 0;
  MESSAGE(answered.size() << " answered, " << not_executed.size() << " not executed, " << unknown
                          << " unknown, " << executed.size() << " executed");
  CHECK(twice == 0);
  CHECK(never == 0);
  CHECK(in_spite == 0);
  CHECK(wrong == 0);
  CHECK(answered.size() + not_executed.size() + static_cast<std::size_t>(unknown) ==
        static_cast<std::size_t>(asked));
}
