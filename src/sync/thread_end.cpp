#include "sync/thread_end.hpp"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "platform/platform.hpp"

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

/// No thread may call a destructor that is not there any more. dlclose() runs this if the library
/// is linked statically into what is unloaded; exit runs it too.
void forget_key() {
  const std::uint64_t key = the_key.exchange(no_more);
  if (key == 0 || key == no_more) return;
  platform::delete_thread_end_key(static_cast<platform::thread_end_key>(key - 1));
  run_all_of_this_thread();
  free_empty_slabs();
}

/// Has forget_key() run last, and those of other threads never. False: it cannot be had.
bool come_back_by_key() noexcept {
  std::uint64_t key = the_key.load();
  if (key == 0) {
    platform::thread_end_key made;
    if (platform::make_thread_end_key(made, [](void*) { run_all_of_this_thread(); }) != 0) {
      return false;
    }
    if (!the_key.compare_exchange_strong(key, made + std::uint64_t{1})) {
      platform::delete_thread_end_key(made);  // another thread was first
    } else {
      key = made + std::uint64_t{1};
      (void)std::atexit(forget_key);
    }
  }
  return key != no_more &&
         platform::set_thread_end_key(static_cast<platform::thread_end_key>(key - 1), &latest) == 0;
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

}  // namespace loopbridge::detail
