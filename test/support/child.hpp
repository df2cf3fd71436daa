#pragma once

#include <doctest/doctest.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "held_loop.hpp"
#include "patience.hpp"

/// Children of uv_spawn's on a bridge's loop, and what the process does about SIGCHLD.
namespace support {

/// A child that ends when it is told to. It must outlive its bridge: libuv has its handle.
class child {
 public:
  explicit child(int code) : code_(std::to_string(code)) {
    REQUIRE(pipe2(stdin_.data(), O_CLOEXEC) == 0);
  }
  ~child() {
    end();
    close(stdin_[0]);
    if (process_.data == nullptr) return;
    (void)loopbridge::completer<int>::from(process_.data);  // never reported
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  void start(loopbridge::bridge& b) {
    exit_ = b.submit([this](loopbridge::loop_ref loop) { return spawn(loop); });
    catch_up(b);
    REQUIRE(!exit_->error());
  }
  void end() {
    if (stdin_[1] >= 0) close(stdin_[1]);
    stdin_[1] = -1;
  }
  void signal(loopbridge::bridge& b, int number) {
    REQUIRE(b.call([&] { return uv_process_kill(&process_, number); }) == 0);
  }
  /// Its exit code, or 300 + the signal that ended it, as libuv has reported it.
  int reported() { return exit_->get_for(generous); }
  bool is_reported(loopbridge::bridge& b) {
    for (int turn = 0; turn < 3; ++turn) catch_up(b);
    return exit_->ready();
  }
  /// Waits until it has ended, and leaves it to be reaped. False: it was reaped already.
  bool has_ended() const {
    siginfo_t info{};
    int status = 0;
    do status = waitid(P_PID, static_cast<id_t>(process_.pid), &info, WEXITED | WNOWAIT);
    while (status == -1 && errno == EINTR);
    return status == 0;
  }

 private:
  loopbridge::deferred<int> spawn(loopbridge::loop_ref loop) {
    std::array<char*, 4> args{shell_.data(), option_.data(), script_.data(), nullptr};
    std::array<uv_stdio_container_t, 1> stdio{};
    stdio[0].flags = UV_INHERIT_FD;
    stdio[0].data.fd = stdin_[0];
    uv_process_options_t how{};
    how.file = shell_.c_str();
    how.args = args.data();
    how.stdio = stdio.data();
    how.stdio_count = 1;
    how.exit_cb = [](uv_process_t* p, std::int64_t code, int signal) {
      loopbridge::completer<int>::from(std::exchange(p->data, nullptr))
          .resolve(signal != 0 ? 300 + signal : static_cast<int>(code));
      uv_close(reinterpret_cast<uv_handle_t*>(p), nullptr);
    };
    loopbridge::completer<int> done;
    auto answer = done.get_deferred();
    if (const int error = uv_spawn(loop, &process_, &how); error != 0) {
      uv_close(reinterpret_cast<uv_handle_t*>(&process_), nullptr);
      throw std::runtime_error(uv_strerror(error));
    }
    process_.data = done.release();
    return answer;
  }

  std::string code_;
  std::string shell_ = "/bin/sh";
  std::string option_ = "-c";
  std::string script_ = "read line; exit " + code_;
  std::array<int, 2> stdin_{};
  uv_process_t process_{};
  std::optional<loopbridge::eventual<int>> exit_;
};

/// What the process does about SIGCHLD, put back at the end.
class sigchld_as_it_was {
 public:
  sigchld_as_it_was() {
    sigaction(SIGCHLD, nullptr, &action_);
    pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
  }
  ~sigchld_as_it_was() {
    sigaction(SIGCHLD, &action_, nullptr);
    pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }
  sigchld_as_it_was(const sigchld_as_it_was&) = delete;
  sigchld_as_it_was& operator=(const sigchld_as_it_was&) = delete;

 private:
  struct sigaction action_{};
  sigset_t mask_{};
};

inline sigset_t only_sigchld() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

inline void block_in_this_thread() {
  const sigset_t set = only_sigchld();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

inline bool is_default() {
  struct sigaction now{};
  sigaction(SIGCHLD, nullptr, &now);
  return now.sa_handler == SIG_DFL;
}

/// Until the close callback of the last child has run, libuv's handler is there.
inline void until_default() {
  REQUIRE(comes_true([] { return is_default(); }));
}

}  // namespace support
