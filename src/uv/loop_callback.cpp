#include "loopbridge/detail/uv/loop_callback.hpp"

#include <cstdio>
#include <exception>

#include "loop/loop_handles.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"
#include "loopbridge/errors.hpp"

namespace loopbridge::detail {

void report_from_callback(uv_loop_s* loop, std::source_location where) noexcept {
  if (loop_core* const core = loop_handles::core_on(loop); core != nullptr) {
    return core->unhandled(std::current_exception(), where);
  }
  std::fprintf(stderr,
               "loopbridge: a callback made at %s has thrown, on a loop whose bridge has stopped\n",
               where_text(where).c_str());
}

}  // namespace loopbridge::detail
