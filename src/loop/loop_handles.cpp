#include "loop/loop_handles.hpp"

#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/detail/loop/own_handle.hpp"

namespace loopbridge::detail {

/// libuv is done with `h`. `theirs`: the callback of the program, if the program closed the handle.
void loop_handles::is_closed(uv_close_cb theirs, uv_handle_t* h) noexcept {
  if (theirs != nullptr) theirs(h);
  if (--left_ == 0) core_.release_ref();
}

void loop_handles::close_doorbell() noexcept {
  doorbell_.close([](uv_handle_t* h) {
    auto& bell = *static_cast<doorbell_base*>(h->data);
    static_cast<loop_handles*>(bell.owner)->is_closed(bell.theirs, h);
  });
}

template <class Handle>
void loop_handles::close_one(own<Handle>& one) noexcept {
  close_own(one.handle(), one.theirs, [](uv_handle_t* h) {
    auto& closed = static_cast<own<Handle>&>(*reinterpret_cast<Handle*>(h));
    closed.of->is_closed(closed.theirs, h);
  });
}

int loop_handles::open(uv_loop_t* loop, bool adopted, callback before_poll,
                       callback after_poll) noexcept {
  const int error = doorbell_.open(loop);
  doorbell_.owner = this;
  if (error != 0) {
    if (doorbell_.handle() != nullptr) {
      left_ = 1;
      core_.add_ref();
      close_doorbell();
    }
    return error;
  }
  // These cannot fail. libuv runs the handle that was started last first: ours come after the
  // program's in the prepare phase, since they were started before.
  uv_prepare_init(loop, &prepare_);
  uv_check_init(loop, &check_);
  uv_idle_init(loop, &idle_);
  prepare_.of = check_.of = idle_.of = this;
  prepare_.run = before_poll;
  check_.run = after_poll;
  uv_prepare_start(&prepare_, on_prepare);
  uv_check_start(&check_, [](uv_check_t* h) {
    auto& one = static_cast<own<uv_check_t>&>(*h);
    one.run(one.of->core_);
  });
  uv_unref(prepare_.handle());
  uv_unref(check_.handle());
  if (adopted) uv_unref(doorbell_.handle());  // else it is what keeps the loop alive
  core_.add_ref();
  left_ = 4;
  are_open_ = true;
  return 0;
}

void loop_handles::on_prepare(uv_prepare_t* h) noexcept {
  auto& one = static_cast<own<uv_prepare_t>&>(*h);
  one.run(one.of->core_);
}

loop_core* loop_handles::core_on(uv_loop_t* loop) noexcept {
  loop_core* found = nullptr;
  uv_walk(
      loop,
      [](uv_handle_t* h, void* to) {
        if (h->type != UV_PREPARE) return;
        auto* const prepare = reinterpret_cast<uv_prepare_t*>(h);
        if (prepare->prepare_cb != on_prepare) return;
        *static_cast<loop_core**>(to) = &static_cast<own<uv_prepare_t>&>(*prepare).of->core_;
      },
      &found);
  return found;
}

void loop_handles::keep_awake(bool awake) noexcept {
  if (uv_is_closing(idle_.handle()) != 0) return;  // the program did it
  if (awake) {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
  } else {
    uv_idle_stop(&idle_);
  }
}

void loop_handles::close() noexcept {
  if (!are_open_) return;
  are_open_ = false;
  close_one(prepare_);
  close_one(check_);
  close_one(idle_);
  close_doorbell();
}

bool loop_handles::closed_by_the_program() const noexcept {
  return are_open_ &&
         (uv_is_closing(prepare_.handle()) != 0 || uv_is_closing(check_.handle()) != 0 ||
          uv_is_closing(idle_.handle()) != 0 || uv_is_closing(doorbell_.handle()) != 0);
}

}  // namespace loopbridge::detail
