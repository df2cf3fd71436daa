#include "loop/own_thread.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace loopbridge::detail {
namespace {

/// What callables may count on wherever the program runs: musl's threads get 128 KiB by default.
constexpr std::size_t least_by_default = std::size_t{1} << 20;

/// libuv's loop and ours. glibc and musl would begin a thread with less, which then overflows: the
/// poll of libuv 1.52 alone takes 16 KiB.
constexpr std::size_t least = std::size_t{64} << 10;

}  // namespace

void own_thread::start(std::size_t stack_size, platform::thread_body& body) {
  const std::size_t size =
      stack_size != 0 ? stack_size : std::max(platform::default_stack_size(), least_by_default);
  const int error = size < least ? EINVAL : platform::start_thread(thread_, size, body);
  if (error == 0) return;
  throw std::system_error(error, std::generic_category(),
                          "loopbridge: cannot start a thread with a stack of " +
                              std::to_string(size) + " bytes (options::stack_size)");
}

}  // namespace loopbridge::detail
