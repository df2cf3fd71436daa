#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "platform/platform.hpp"

namespace loopbridge::detail::platform {
namespace {

class attributes {
 public:
  attributes() { pthread_attr_init(&of_); }
  ~attributes() { pthread_attr_destroy(&of_); }
  attributes(const attributes&) = delete;
  attributes& operator=(const attributes&) = delete;
  pthread_attr_t* get() noexcept { return &of_; }

 private:
  pthread_attr_t of_;
};

std::size_t whole_pages(std::size_t size) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  // What overflows there is for the system to refuse.
  return size > std::numeric_limits<std::size_t>::max() - page ? size
                                                               : (size + page - 1) / page * page;
}

void ended_in_its_body(void*) noexcept {
  std::fputs(
      "loopbridge: pthread_exit or pthread_cancel in a callable or hook has ended a thread of the "
      "library's: a thread that waits for it would wait for ever\n",
      stderr);
  std::abort();
}

void* run_body(void* data) noexcept {
  auto& body = *static_cast<thread_body*>(data);
  const auto blocked = std::bit_cast<sigset_t>(body.blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
  // musl's pthread_exit does not unwind, so that no noexcept would stop it.
  pthread_cleanup_push(&ended_in_its_body, nullptr);
  body.run(body);
  pthread_cleanup_pop(0);
  return nullptr;
}

}  // namespace

std::size_t default_stack_size() noexcept {
  attributes a;
  std::size_t size = 0;
  pthread_attr_getstacksize(a.get(), &size);
  return size;
}

int start_thread(thread_id& started, std::size_t stack_size, thread_body& body) noexcept {
  attributes a;
  if (const int error = pthread_attr_setstacksize(a.get(), whole_pages(stack_size)); error != 0) {
    return error;
  }
  const signals_blocked until_it_has_its_own_mask;
  pthread_t made;
  const int error = pthread_create(&made, a.get(), run_body, &body);
  if (error == 0) started = std::bit_cast<thread_id>(made);
  return error;
}

void join_thread(thread_id started) noexcept {
  pthread_join(std::bit_cast<pthread_t>(started), nullptr);
}

void detach_thread(thread_id started) noexcept {
  pthread_detach(std::bit_cast<pthread_t>(started));
}

void name_this_thread(const std::string& name) noexcept {
  char cut[16] = {};
  name.copy(cut, sizeof(cut) - 1);
  pthread_setname_np(pthread_self(), cut);
}

std::uint64_t number_of_this_thread() noexcept {
  return static_cast<std::uint64_t>(syscall(SYS_gettid));
}

bool is_main_thread() noexcept {
  return number_of_this_thread() == static_cast<std::uint64_t>(getpid());
}

int make_thread_end_key(thread_end_key& made, void (*run)(void*)) noexcept {
  return pthread_key_create(&made, run);
}

int set_thread_end_key(thread_end_key key, const void* value) noexcept {
  return pthread_setspecific(key, value);
}

void delete_thread_end_key(thread_end_key key) noexcept {
  pthread_key_delete(key);
}

cancellation_disabled::cancellation_disabled() noexcept : before_(PTHREAD_CANCEL_ENABLE) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
}

cancellation_disabled::~cancellation_disabled() {
  int ours;
  pthread_setcancelstate(before_, &ours);
}

// No system call: the kernel keeps it up to date in the thread's memory. Where it does not, and the
// call is forbidden, too, a handler must find its errno as it was.
int current_cpu() noexcept {
  const int saved_errno = errno;
  const int cpu = sched_getcpu();
  errno = saved_errno;
  return cpu;
}

void yield_cpu() noexcept {
  const int saved_errno = errno;
  sched_yield();
  errno = saved_errno;
}

}  // namespace loopbridge::detail::platform
