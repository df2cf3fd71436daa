#include "loopbridge/uv/fd_watcher.hpp"

#include <uv.h>

#include <cerrno>
#include <string>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/own_handle.hpp"
#include "loopbridge/detail/sync/process_mark.hpp"
#include "loopbridge/uv/error.hpp"
#include "platform/platform.hpp"

namespace loopbridge {
namespace {

[[noreturn]] void throw_unwatchable(int error, int fd) {
  const auto fix = [error] {
    switch (error) {
      case UV_EBADF:
        return "it is not open; watch it before it is closed";
      case UV_EPERM:
        return "it cannot be polled; a file or a directory is always ready, so do not wait for it";
      case UV_EEXIST:
        return "libuv still has a handle of the program's for a descriptor that was closed; "
               "uv_poll_stop() or uv_close() the handle first, then close its descriptor";
      case UV_EMFILE:
      case UV_ENFILE:
        return "there is none left to poll by; close some, or raise the limit (ulimit -n)";
      default:
        return "the system refuses";
    }
  };
  detail::throw_uv_error(error, "cannot watch descriptor " + std::to_string(fd) + ": " + fix());
}

}  // namespace

/// One descriptor's handle, in a block of its own, which libuv may keep longer than the watcher
/// lives, or watches it.
struct fd_watcher::polled : uv_poll_t {
  void close() noexcept {
    const int number = duplicate;
    detail::close_own_block<uv_poll_t>(*this);
    detail::platform::close(number);  // libuv has let go of the number, if not of the handle
  }

  detail::process_mark process;  ///< whose loop polls it
  int duplicate = -1;
  uv_close_cb theirs = nullptr;  ///< see close_own
};

void fd_watcher::watch(int fd, fd_interest what) {
  if (what == fd_interest::none) return stop();
  // The duplicate keeps the socket open, so that no other has its number.
  const bool is_the_same = handle_ != nullptr && fd == fd_ && socket_ != 0 &&
                           detail::platform::number_of_socket(fd) == socket_ &&
                           uv_is_closing(reinterpret_cast<uv_handle_t*>(handle_)) == 0;
  if (is_the_same && what == what_) return;
  if (!is_the_same) {
    stop();
    open(fd);
  }
  handle_->process = detail::process_mark();  // a child's, after uv_loop_fork()
  what_ = what;
  if (const int error = start(); error != 0) {
    stop();
    throw_unwatchable(error, fd);
  }
}

void fd_watcher::open(int fd) {
  auto* const made = detail::make_in_block<polled>(nullptr);
  made->duplicate = detail::platform::duplicate(fd);
  int error = made->duplicate < 0 ? uv_translate_sys_error(errno) : 0;
  if (error == 0) {
    error = uv_poll_init(loop_, made, made->duplicate);
    if (error != 0) detail::platform::close(made->duplicate);
  }
  if (error != 0) {
    detail::destroy_in_block(made, nullptr);
    throw_unwatchable(error, fd);
  }
  made->data = this;
  handle_ = made;
  fd_ = fd;
  socket_ = detail::platform::number_of_socket(made->duplicate);
}

int fd_watcher::start() noexcept {
  const int wanted = (what_ != fd_interest::write ? UV_READABLE : 0) |
                     (what_ != fd_interest::read ? UV_WRITABLE : 0);
  return uv_poll_start(handle_, wanted, [](uv_poll_t* p, int status, int seen) {
    if (p->data == nullptr) return static_cast<polled*>(p)->close();  // see stop()
    auto& self = *static_cast<fd_watcher*>(p->data);
    fd_events events{(seen & UV_READABLE) != 0, (seen & UV_WRITABLE) != 0, 0};
    if (self.socket_ != 0 && detail::platform::number_of_socket(self.fd_) != self.socket_) {
      // What the duplicate tells is of no use to the client any more, and would not end.
      self.stop();
      events = {false, false, UV_EBADF};
    } else if (status < 0) {
      // libuv takes EPOLLERR, a connection that is refused or reset, for a bad descriptor, and has
      // stopped. That is for the client to read, which may then go on (with UDP, say).
      events = {true, self.what_ != fd_interest::read, 0};
      self.start();
    }
    self.callback_(p->loop, events);
  });
}

void fd_watcher::stop() noexcept {
  polled* const old = std::exchange(handle_, nullptr);
  if (old == nullptr) return;
  if (old->process.is_this_process()) return old->close();
  // In a child. Before uv_loop_fork() it shares the parent's epoll instance: libuv would take the
  // parent's descriptor out of that. An event comes here only after it, and then it is closed.
  old->data = nullptr;
  uv_unref(reinterpret_cast<uv_handle_t*>(old));
}

}  // namespace loopbridge
