#include "loop/reports.hpp"

#include <cstdio>
#include <source_location>

#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {

void reports::close(uv_loop_t* loop) const noexcept {
  // Close callbacks may open new handles, so this goes round; a program that does so for ever is
  // left with a loop that is not closed.
  for (int round = 0; round < 100; ++round) {
    uv_walk(
        loop,
        [](uv_handle_t* h, void* self) {
          if (uv_is_closing(h) != 0) return;
          static_cast<const reports*>(self)->still_open(h);
          if (uv_is_closing(h) == 0) uv_close(h, nullptr);
        },
        const_cast<reports*>(this));
    uv_run(loop, UV_RUN_DEFAULT);  // close callbacks, and requests that are still at work
    if (uv_loop_close(loop) == 0) return;
  }
}

void reports::still_open(uv_handle_t* handle) const noexcept {
  const platform::cancellation_disabled while_writing;
  const open_handle open{uv_handle_type_name(handle->type), handle, opts_.name.c_str()};
  try {
    if (opts_.on_open_handle) return opts_.on_open_handle(open);
  } catch (...) {
    unhandled(std::current_exception(), {});
  }
  std::fprintf(stderr,
               "loopbridge: bridge '%s' stopped while a uv handle of type %s was open; it was "
               "closed (close it before stop(), or set options::on_open_handle)\n",
               open.bridge, open.type);
}

void reports::unhandled(std::exception_ptr error, std::source_location where) const noexcept {
  const platform::cancellation_disabled while_writing;
  try {
    if (opts_.on_unhandled_error) {
      return opts_.on_unhandled_error({error, where, opts_.name.c_str()});
    }
  } catch (...) {
    std::fputs("loopbridge: options::on_unhandled_error threw; it must not\n", stderr);
  }
  const where_text from(where);
  const auto write = [&](const char* what) {
    std::fprintf(stderr,
                 "loopbridge: bridge '%s': nobody received this failure of a call from %s: %s\n",
                 opts_.name.c_str(), from.c_str(), what);
  };
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    write(e.what());
  } catch (...) {
    write("an exception that is not a std::exception");
  }
}

}  // namespace loopbridge::detail
