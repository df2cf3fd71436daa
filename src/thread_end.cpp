#include "thread_end.hpp"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "core.hpp"
#include "log_record.hpp"
#include "loopbridge/detail/blocks.hpp"

namespace loopbridge::detail {
namespace {

/// The calling thread's, the latest first.
constinit thread_local at_thread_end* latest = nullptr;
constinit thread_local bool is_ours = false;

void run_all_of_this_thread() noexcept {
  while (latest != nullptr) {
    at_thread_end& what = *std::exchange(latest, latest->next);
    what.run(what);
  }
}

constexpr std::uint64_t no_more = ~std::uint64_t{0};
/// Home: 0, until the first thread that is not ours comes here, then the key's number + 1, and
/// `no_more` once the library is unloaded, or the process exits. No lock, for the sake of children.
std::atomic<std::uint64_t> the_key{0};

/// No thread may call a destructor that is not there any more. Run by dlclose() where the library
/// is a part of what is unloaded, linked statically, and at exit.
void forget_key() {
  const std::uint64_t key = the_key.exchange(no_more);
  if (key == 0 || key == no_more) return;
  pthread_key_delete(static_cast<pthread_key_t>(key - 1));
  run_all_of_this_thread();
  free_empty_slabs();
}

/// Has forget_key() run last, and those of other threads never. False: it cannot be had.
bool come_back_by_key() noexcept {
  std::uint64_t key = the_key.load();
  if (key == 0) {
    pthread_key_t made;
    if (pthread_key_create(&made, [](void*) { run_all_of_this_thread(); }) != 0) return false;
    if (!the_key.compare_exchange_strong(key, made + std::uint64_t{1})) {
      pthread_key_delete(made);  // another thread was first
    } else {
      key = made + std::uint64_t{1};
      (void)std::atexit(forget_key);
    }
  }
  return key != no_more && pthread_setspecific(static_cast<pthread_key_t>(key - 1), &latest) == 0;
}

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

/// The thread that mostly calls exit(), by returning from main. Elsewhere than on Linux: not known.
bool is_main_thread() noexcept {
#ifdef __linux__
  return number_of_this_thread() == static_cast<std::uint64_t>(getpid());
#else
  return false;
#endif
}

void make_list_of_this_thread() {
  // Once, and once more where it matters that younger objects are destroyed before it.
  if ((!stops_at_exit.exchange(true) || is_main_thread()) && std::atexit(stop_at_exit) != 0) {
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

bool run_at_thread_end(at_thread_end& what) noexcept {
  if (latest == nullptr && !is_ours && !come_back_by_key()) return false;
  what.next = latest;
  latest = &what;
  return true;
}

thread_of_ours::thread_of_ours() noexcept {
  is_ours = true;
}

thread_of_ours::~thread_of_ours() {
  is_ours = false;  // what comes later, by other destructors, needs the key
  run_all_of_this_thread();
}

void reserve_stop_at_thread_end() {
  if (of_this_thread == nullptr) make_list_of_this_thread();
  std::vector<core_ptr>& cores = of_this_thread->cores;
  std::erase_if(cores, [](const core_ptr& c) { return c->is_closed(); });
  cores.reserve(cores.size() + 1);
}

void stop_at_thread_end(core_base& core) noexcept {
  of_this_thread->cores.emplace_back(core);
}

}  // namespace loopbridge::detail
