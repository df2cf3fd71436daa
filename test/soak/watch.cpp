#include "watch.hpp"

#include <utility>

namespace soak {
namespace {

std::array<watched, 256> all;
constinit thread_local watched* mine = nullptr;

std::int64_t now_ms() noexcept {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

watch::watch(std::chrono::milliseconds deadline, std::function<void(const char*)> on_hang)
    : deadline_(deadline), on_hang_(std::move(on_hang)), thread_([this] { run(); }) {}

watch::~watch() {
  done_.store(true);
  done_.notify_all();
  thread_.join();
}

void watch::run() {
  const auto pause = std::min(deadline_ / 4, std::chrono::milliseconds(50));
  while (!done_.load()) {
    std::this_thread::sleep_for(pause);
    for (watched& w : all) {
      std::int64_t since = w.since_ms.load(std::memory_order_acquire);
      if (since == 0 || now_ms() - since < deadline_.count()) continue;
      const char* const what = w.what.load(std::memory_order_relaxed);
      // Once for each deadline; if the operation has ended meanwhile, the exchange fails.
      if (w.since_ms.compare_exchange_strong(since, now_ms())) on_hang_(what);
    }
  }
}

void watch::print(std::FILE* to) {
  for (const watched& w : all) {
    const std::int64_t began = w.since_ms.load();
    if (began == 0) continue;
    const char* const what = w.what.load(std::memory_order_relaxed);
    const auto since = static_cast<long long>(now_ms() - began);
    const int loop = w.loop_of.load();
    if (loop < 0) std::fprintf(to, "  a thread is in %s since %lld ms\n", what, since);
    if (loop >= 0) std::fprintf(to, "  loop %d is in %s since %lld ms\n", loop, what, since);
  }
}

under_watch::under_watch(int loop_of) {
  for (watched& w : all) {
    bool taken = false;
    if (w.taken.compare_exchange_strong(taken, true)) {
      w.loop_of.store(loop_of);
      mine = mine_ = &w;
      return;
    }
  }
}

under_watch::~under_watch() {
  mine = nullptr;
  if (mine_ != nullptr) mine_->taken.store(false);
}

doing::doing(const char* what) noexcept {
  if (mine == nullptr) return;
  before_ = mine->what.load(std::memory_order_relaxed);
  since_ = mine->since_ms.load(std::memory_order_relaxed);
  mine->what.store(what, std::memory_order_relaxed);
  mine->since_ms.store(now_ms(), std::memory_order_release);
}

doing::~doing() {
  if (mine == nullptr) return;
  mine->since_ms.store(since_, std::memory_order_relaxed);
  mine->what.store(before_, std::memory_order_relaxed);
}

}  // namespace soak
