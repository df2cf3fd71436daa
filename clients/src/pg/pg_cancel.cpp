#include "pg/pg_cancel.hpp"

#include <uv.h>

#include <array>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "loopbridge/uv/error.hpp"

namespace loopbridge::clients::detail {

struct pg_cancel::shared {
  std::mutex mutex;
  uv_async_t* bell = nullptr;  ///< null: the loop's side has gone. With the mutex
  bool succeeded = false;      ///< with the mutex
  std::function<void(bool)> then;

  void end(bool success) {
    const std::lock_guard lock(mutex);
    succeeded = success;
    if (bell != nullptr) uv_async_send(bell);
  }
};

pg_cancel::pg_cancel(loop_ref loop, PGcancel* what, std::function<void(bool)> then)
    : shared_(std::make_shared<shared>()) {
  std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> request(what, PQfreeCancel);
  shared_->then = std::move(then);
  auto bell = std::make_unique<uv_async_t>();
  bell->data = shared_.get();
  const int error = uv_async_init(loop, bell.get(), [](uv_async_t* rung) {
    auto& s = *static_cast<shared*>(rung->data);
    const auto call = s.then;  // which may end this
    std::unique_lock lock(s.mutex);
    const bool success = s.succeeded;
    lock.unlock();
    call(success);
  });
  if (error != 0) loopbridge::detail::throw_uv_error(error, "pg");
  shared_->bell = bell.release();
  try {
    std::thread([state = shared_, request = std::move(request)]() noexcept {
      std::array<char, 256> why;
      state->end(PQcancel(request.get(), why.data(), why.size()) == 1);
    }).detach();
  } catch (const std::system_error&) {
    shared_->end(false);  // no thread: as if the server had not taken it
  }
}

pg_cancel::~pg_cancel() {
  const std::lock_guard lock(shared_->mutex);
  uv_close(reinterpret_cast<uv_handle_t*>(std::exchange(shared_->bell, nullptr)),
           [](uv_handle_t* h) { delete reinterpret_cast<uv_async_t*>(h); });
}

}  // namespace loopbridge::clients::detail
