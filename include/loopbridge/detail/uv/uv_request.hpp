#pragma once

#include <uv.h>

#include <string>

#include "loopbridge/detail/coroutines/task_scope.hpp"
#include "loopbridge/uv/error.hpp"

namespace loopbridge::detail {

/// co_await of a request of libuv's, which lives in the task's frame. libuv calls back whatever
/// becomes of it, and the task goes on only then: so the frame outlasts what libuv does with it.
template <class Request>
class uv_request : public users_awaiter {
 public:
  /// What is at work already goes on; what it comes to is then dropped.
  void cancel() noexcept override { uv_cancel(reinterpret_cast<uv_req_t*>(&request_)); }

  /// The callback of those that are given a status.
  static void done(Request* r, int status) noexcept { of(r).ended(status); }

 protected:
  uv_request() noexcept { request_.data = this; }
  ~uv_request() = default;

  static uv_request& of(Request* r) noexcept { return *static_cast<uv_request*>(r->data); }
  /// By await_suspend: `error` is what the function that starts it returned. False: it has not
  /// started.
  bool begun(int error) noexcept {
    status_ = error;
    if (error != 0) return false;
    suspended();
    return true;
  }
  /// By the callback.
  void ended(int status) noexcept {
    status_ = status;
    resume();
  }
  /// By await_resume, first. `what` starts the message of an error of libuv's.
  void throw_if_failed(const std::string& what) const {
    scope().throw_if_cancelled();
    if (status_ != 0) throw_uv_error(status_, what);
  }

  Request request_{};

 private:
  int status_ = 0;
};

}  // namespace loopbridge::detail
