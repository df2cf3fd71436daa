#include "loop/stop_at_thread_end.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "loop/core.hpp"
#include "platform/platform.hpp"
#include "sync/thread_end.hpp"

namespace loopbridge::detail {
namespace {

/// The bridges that one thread has made. They are held, as they may be gone before their thread.
struct made_here : at_thread_end {
  std::vector<core_ptr> cores;

  void stop_all() noexcept {
    for (const core_ptr& c : std::exchange(cores, {})) {
      auto& made = static_cast<core&>(*c);
      try {
        made.stop();
      } catch (...) {
        made.stop_reentrant();  // would_deadlock: it ends when this thread does. Or wrong_process.
      }
    }
  }
};
constinit thread_local made_here* of_this_thread = nullptr;
std::atomic<bool> stops_at_exit{false};

/// No key's destructor is called where main returns.
void stop_at_exit() {
  if (of_this_thread != nullptr) of_this_thread->stop_all();
}

void make_list_of_this_thread() {
  // Once, and once more on the thread that mostly calls exit(), by returning from main: there it
  // matters that younger objects are destroyed before it.
  if ((!stops_at_exit.exchange(true) || platform::is_main_thread()) &&
      std::atexit(stop_at_exit) != 0) {
    stops_at_exit = false;
    throw std::bad_alloc();
  }
  auto made = std::make_unique<made_here>();
  made->run = [](at_thread_end& self) noexcept {
    const std::unique_ptr<made_here> ended(static_cast<made_here*>(&self));
    of_this_thread = nullptr;
    ended->stop_all();
  };
  if (!run_at_thread_end(*made)) {
    throw std::system_error(EAGAIN, std::generic_category(),
                            "loopbridge: options::stop_at_thread_end needs a pthread key");
  }
  of_this_thread = made.release();
}

}  // namespace

void reserve_stop_at_thread_end() {
  if (of_this_thread == nullptr) make_list_of_this_thread();
  std::vector<core_ptr>& cores = of_this_thread->cores;
  std::erase_if(cores, [](const core_ptr& c) { return c->is_closed(); });
  cores.reserve(cores.size() + 1);
}

void stop_at_thread_end(loop_core& core) noexcept {
  of_this_thread->cores.emplace_back(core);
}

}  // namespace loopbridge::detail
