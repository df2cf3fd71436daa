#include "own_thread.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <system_error>

#include "undisturbed.hpp"

namespace loopbridge::detail {
namespace {

/// What callables may count on wherever the program runs: musl's threads get 128 KiB by default.
constexpr std::size_t least_by_default = std::size_t{1} << 20;

/// libuv's loop and ours. glibc and musl would begin a thread with less, which then overflows: the
/// poll of libuv 1.52 alone takes 16 KiB.
constexpr std::size_t least = std::size_t{64} << 10;

/// Whole pages, which some systems insist on. What overflows there is for the system to refuse.
std::size_t whole_pages(std::size_t size) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size > std::numeric_limits<std::size_t>::max() - page ? size
                                                               : (size + page - 1) / page * page;
}

class attributes {
 public:
  attributes() { pthread_attr_init(&of_); }
  ~attributes() { pthread_attr_destroy(&of_); }
  attributes(const attributes&) = delete;
  attributes& operator=(const attributes&) = delete;
  pthread_attr_t* get() noexcept { return &of_; }

  std::size_t stack_size() const noexcept {
    std::size_t size = 0;
    pthread_attr_getstacksize(&of_, &size);
    return size;
  }

 private:
  pthread_attr_t of_;
};

}  // namespace

void own_thread::start(std::size_t stack_size, void* (*main)(void*), void* data) {
  attributes a;
  const std::size_t size =
      stack_size != 0 ? stack_size : std::max(a.stack_size(), least_by_default);
  int error = size < least ? EINVAL : pthread_attr_setstacksize(a.get(), whole_pages(size));
  if (error == 0) {
    const undisturbed until_it_has_its_own_mask;
    error = pthread_create(&thread_, a.get(), main, data);
  }
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "loopbridge: cannot start a thread with a stack of " +
                                std::to_string(size) + " bytes (options::stack_size)");
  }
  joinable_ = true;
}

void own_thread::ended_in_its_main(void*) noexcept {
  std::fputs(
      "loopbridge: pthread_exit or pthread_cancel in a callable or hook has ended a thread of the "
      "library's: who waits for it would wait for ever\n",
      stderr);
  std::abort();
}

void own_thread::join() noexcept {
  pthread_join(thread_, nullptr);
  joinable_ = false;
}

void own_thread::detach() noexcept {
  pthread_detach(thread_);
  joinable_ = false;
}

}  // namespace loopbridge::detail
