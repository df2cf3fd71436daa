#include "tracer.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <optional>
#include <stdexcept>

namespace stepping {

struct tracer::shared {
  std::atomic<int> attached{0};  ///< 1: yes, -1: not allowed
  std::atomic<bool> may_attach{false};
  std::atomic<unsigned> number{0};  ///< the boundary to interrupt at; 0: stop stepping
};

tracer& tracer::of_this_thread() {
  static thread_local std::optional<tracer> own;
  if (!own || own->process_ != getpid()) own.emplace();  // a forked child needs its own
  return *own;
}

tracer::tracer() : process_(getpid()), thread_(gettid()) {
  void* const page =
      mmap(nullptr, sizeof(shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::runtime_error("mmap");
  shared_ = ::new (page) shared;
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("fork");
  if (child_ == 0) trace(thread_, *shared_);
  prctl(PR_SET_PTRACER, child_, 0, 0, 0);  // where Yama lets only ancestors trace
  shared_->may_attach = true;
  while (shared_->attached == 0) sched_yield();
  if (shared_->attached < 0) throw std::runtime_error("ptrace is not allowed here");
}

tracer::~tracer() {
  if (process_ != getpid()) return;  // it is the parent's
  kill(child_, SIGKILL);             // lets go of the thread
  waitpid(child_, nullptr, 0);
  munmap(shared_, sizeof(shared));
}

void tracer::tell(unsigned number) {
  shared_->number = number;
  syscall(SYS_tgkill, process_, thread_, SIGTRAP);
}
void tracer::step(unsigned number) {
  tell(number);
}
void tracer::stop() {
  tell(0);
}

/// The child: system calls only, for it was forked from a program of several threads.
void tracer::trace(pid_t thread, shared& with) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (!with.may_attach) sched_yield();
  const auto resume = [&](bool step, int with_signal) {
    ptrace(step ? PTRACE_SINGLESTEP : PTRACE_CONT, thread, nullptr, with_signal);
  };
  const bool attached = ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0;
  with.attached = attached ? 1 : -1;
  if (!attached) _exit(1);
  bool steps = false;
  unsigned left = 0;
  for (int status = 0; waitpid(thread, &status, __WALL) == thread;) {
    if (!WIFSTOPPED(status)) _exit(0);
    const int signal = WSTOPSIG(status);
    siginfo_t info{};
    if ((status >> 16) != 0) {  // of a stop signal to the process; not ours
      resume(steps, 0);
    } else if (signal != SIGTRAP || ptrace(PTRACE_GETSIGINFO, thread, nullptr, &info) != 0) {
      resume(steps, signal);
    } else if (info.si_code == SI_TKILL) {
      left = with.number;
      steps = left != 0;
      resume(steps, 0);
    } else if (!steps) {
      resume(false, signal);
    } else {
      steps = --left != 0;
      resume(steps, steps ? 0 : SIGTRAP);
    }
  }
  _exit(0);
}

}  // namespace stepping
