#include "station.hpp"

#include <thread>
#include <utility>

#include "job.hpp"
#include "watch.hpp"

namespace soak {
namespace {

/// Of the loop's thread, between on_thread_start and on_thread_exit.
struct loop_thread_state {
  std::optional<under_watch> watched;
  std::optional<handler_state> handler;
};
thread_local loop_thread_state of_loop;

}  // namespace

station_plan station_plan::chosen_by(choices& c) {
  const std::uint32_t bits = c.below(256);
  station_plan p;
  p.adopted = (bits & 3) == 3;
  p.async_doorbell = (bits & 12) == 12;
  p.refuses_queued = (bits & 16) != 0;
  p.own_memory = (bits & 96) == 96;
  p.leaf = (bits & 128) != 0;
  const std::uint32_t more = c.below(16);
  p.signals_on_loop = (more & 1) != 0;
  p.runs_once = (more & 2) != 0;
  p.never_spins = (more & 4) != 0;
  return p;
}

station::station(world& w, station_plan p, int site) : world_(w), plan_(p), site_(site) {
  count(w.counts.bridges);
  if (p.never_spins) count(w.counts.never_spin);
  if (!p.adopted) {
    bridge_.emplace(options_for());
    return;
  }
  count(w.counts.adopted);
  if (uv_loop_init(&loop_) != 0) std::abort();
  bridge_.emplace(loopbridge::bridge::adopt(&loop_, options_for()));
  runner_ = std::thread([this]() noexcept { run_adopted(); });
}

station::~station() {
  if (runner_.joinable()) {
    finish_.store(true);
    runner_.join();
  }
}

loopbridge::options station::options_for() {
  loopbridge::options opts;
  opts.name = "soaked " + std::to_string(site_);
  if (plan_.async_doorbell) opts.doorbell = loopbridge::doorbell::uv_async;
  if (plan_.never_spins) opts.spin = loopbridge::spinning::off;
  if (plan_.refuses_queued) opts.on_stop = loopbridge::queued_calls::refuse;
  if (plan_.own_memory) opts.memory = &world_.memory;
  opts.on_unhandled_error = [&w = world_](const loopbridge::unhandled_error& e) {
    w.on_unhandled(e);
  };
  if (plan_.adopted) return opts;
  if (plan_.signals_on_loop) sigemptyset(&opts.blocked_signals.emplace());
  // Not by way of this object: the loop's thread may outlive it.
  opts.on_thread_start = [&w = world_, site = site_] {
    here.loop_of = site;
    of_loop.watched.emplace(site);
    of_loop.handler.emplace(
        handler_state{&w, std::minstd_rand(static_cast<unsigned>(site) + 1), false});
    handling = &*of_loop.handler;
    w.loops_alive.fetch_add(1, std::memory_order_relaxed);
  };
  opts.on_thread_exit = [&w = world_] {
    handling = nullptr;
    here.loop_of = -1;
    of_loop.watched.reset();
    w.loops_alive.fetch_sub(1, std::memory_order_release);  // pairs with the round's end
  };
  return opts;
}

/// The application's thread: turns the loop, notwithstanding what becomes of the bridge.
void station::run_adopted() noexcept {
  const under_watch watched(site_);
  here.loop_of = site_;
  uv_timer_t ticking;
  uv_timer_init(&loop_, &ticking);
  uv_timer_start(&ticking, [](uv_timer_t*) {}, 1, 1);
  do {
    uv_run(&loop_, plan_.runs_once ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    if (!plan_.runs_once) std::this_thread::yield();
    has_turned_.store(true);
  } while (!finish_.load());
  bridge_.reset();  // unless it has been ended from elsewhere: here, on the loop's thread
  uv_close(reinterpret_cast<uv_handle_t*>(&ticking), nullptr);
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_run(&loop_, UV_RUN_NOWAIT);
  if (uv_loop_close(&loop_) != 0) world_.books.complain("an adopted loop was left with handles");
  here.loop_of = -1;
}

void station::await_first_turn() const {
  while (plan_.adopted && !has_turned_.load()) std::this_thread::yield();
}

void station::end(choices& c) {
  await_first_turn();
  soak::site& books = world_.books.at(site_);
  const std::uint32_t how = c.below(4);
  const doing that("ending a bridge");
  books.stop_begun.store(true, std::memory_order_relaxed);
  if (plan_.adopted) {
    if (how >= 2) {  // from here, while the loop turns
      books.stopped_elsewhere.store(true, std::memory_order_relaxed);
      here.stopping |= std::uint64_t{1} << site_;
      if (how == 3) bridge_->stop();
      bridge_.reset();
      here.stopping &= ~(std::uint64_t{1} << site_);
    }
    finish_.store(true);
    runner_.join();
  } else {
    if (how == 1) bridge_->stop_reentrant();
    if (how == 2) bridge_->stop();
    if (how == 3) (void)bridge_->try_post([b = &*bridge_]() noexcept { b->stop(); });
    bridge_.reset();
  }
  books.stop_ended.store(true, std::memory_order_relaxed);
}

}  // namespace soak
