#include "loopbridge/testing/manual_bridge.hpp"

#include <uv.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "loop/reports.hpp"
#include "loopbridge/detail/sync/process_mark.hpp"
#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"

// libuv reads the system's clock in each turn, and there is no way to give it another. So timers
// that wait are parked: restarted, to fall due in a distant future of the real clock, at `parked` +
// their virtual time, which is where that is kept. What is due is restarted with a timeout of 0.
//
// A timer that code starts is found by its due time, which is a near one. What it shows, less what
// libuv holds for now, is exactly the timeout it was given, as long as libuv has not looked at the
// clock in between. It does so at the start of a turn and at its poll: so timers are parked before
// each turn, before and after the poll, and when the turn is over.
namespace loopbridge {
namespace {

constexpr std::uint64_t parked = std::uint64_t{1} << 50;  // milliseconds: in some 35,000 years
constexpr int most_turns = 100'000;

template <class Handle>
uv_handle_t* base(Handle& h) {
  return reinterpret_cast<uv_handle_t*>(&h);
}

}  // namespace

/// The loop, its bridge, and its time.
class manual_bridge::clock {
 public:
  explicit clock(options&& opts) : opts_(std::move(opts)) {
    const detail::platform::standard_streams_taken until_opened;
    if (const int error = uv_loop_init(&loop_); error != 0) {
      throw std::system_error(-error, std::generic_category(), "loopbridge: uv_loop_init");
    }
    // Started before the bridge's, and so run after them: see core::open_handles(). They also keep
    // the loop alive: without anything alive it would not turn for a call.
    uv_prepare_init(&loop_, &before_poll_);
    uv_check_init(&loop_, &after_poll_);
    before_poll_.data = after_poll_.data = this;
    uv_prepare_start(&before_poll_,
                     [](uv_prepare_t* h) { static_cast<clock*>(h->data)->park_timers(); });
    uv_check_start(&after_poll_,
                   [](uv_check_t* h) { static_cast<clock*>(h->data)->park_timers(); });
    try {
      bridge = std::make_unique<loopbridge::bridge>(loopbridge::bridge::adopt(&loop_, opts_));
    } catch (...) {
      close();
      throw;
    }
  }
  ~clock() {
    const bool mine = process_.is_this_process();
    bridge.reset();
    if (mine) close();  // a child's would be its parent's, whose epoll instance it shares
  }
  clock(const clock&) = delete;
  clock& operator=(const clock&) = delete;

  bool turn() {
    check_caller();
    park_timers();
    turning_ = true;
    uv_run(&loop_, UV_RUN_NOWAIT);
    turning_ = false;
    park_timers();
    return is_ready();
  }

  void turn_until_idle() {
    for (int turns = 0; turn(); ++turns) {
      if (turns == most_turns) {
        throw std::runtime_error("loopbridge: the loop of manual_bridge '" + opts_.name +
                                 "' is not idle after 100000 turns; stop its uv_idle_t, or what "
                                 "posts itself again, or use run_once()");
      }
    }
  }

  void advance(std::uint64_t time) {
    turn_until_idle();  // also what starts timers: their time begins before this one passes
    const std::uint64_t end = now + time;
    while (release_timers(end)) turn_until_idle();
    now = end;
  }

  void check_caller() const {
    if (!process_.is_this_process()) detail::throw_error(status::wrong_process);
    if (thread_ != std::this_thread::get_id()) {
      throw std::logic_error("loopbridge: a manual_bridge is turned by the thread that made it");
    }
    if (turning_) {
      throw std::logic_error(
          "loopbridge: a manual_bridge is turned from outside, not by what runs on its loop: "
          "return "
          "from the callback first");
    }
  }

  uv_loop_t* loop() noexcept { return &loop_; }

  std::uint64_t now = 0;
  std::unique_ptr<loopbridge::bridge> bridge;

 private:
  /// When it falls due, by libuv's clock: `parked` and beyond, or a near time.
  std::uint64_t due(const uv_timer_t& timer) const {
    return uv_now(&loop_) + uv_timer_get_due_in(&timer);
  }

  /// In the order in which they were started.
  std::vector<uv_timer_t*> active_timers() {
    std::vector<uv_timer_t*> found;
    uv_walk(
        &loop_,
        [](uv_handle_t* h, void* to) {
          if (h->type != UV_TIMER || uv_is_active(h) == 0) return;
          static_cast<decltype(found)*>(to)->push_back(reinterpret_cast<uv_timer_t*>(h));
        },
        &found);
    std::sort(found.begin(), found.end(),
              [](uv_timer_t* a, uv_timer_t* b) { return a->start_id < b->start_id; });
    return found;
  }

  static void restart(uv_timer_t& timer, std::uint64_t timeout) {
    uv_timer_start(&timer, timer.timer_cb, timeout, uv_timer_get_repeat(&timer));
  }

  /// Those that were started since the last time, and are not due at once.
  void park_timers() {
    for (uv_timer_t* const t : active_timers()) {
      const std::uint64_t wait = uv_timer_get_due_in(t);
      if (wait != 0 && due(*t) < parked) restart(*t, parked + now + wait - uv_now(&loop_));
    }
  }

  /// Puts the clock to when the next timer falls due, if that is no later than `end`, and has those
  /// fire that are due then.
  bool release_timers(std::uint64_t end) {
    const std::vector<uv_timer_t*> waiting = active_timers();
    std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
    for (const uv_timer_t* t : waiting) next = std::min(next, due(*t));
    if (next > parked + end) return false;
    now = next - parked;
    for (uv_timer_t* const t : waiting) {
      if (due(*t) == next) restart(*t, 0);
    }
    return true;
  }

  /// Would the loop's next poll not sleep? Either it has something to do anyway, or there is I/O:
  /// the doorbell's, say.
  bool is_ready() const {
    if (uv_loop_alive(&loop_) == 0) return false;  // the program has closed all handles
    if (uv_backend_timeout(&loop_) == 0) return true;
    return detail::platform::is_readable(uv_backend_fd(&loop_));
  }

  void close() noexcept {
    for (uv_handle_t* const h : {base(before_poll_), base(after_poll_)}) {
      if (uv_is_closing(h) == 0) uv_close(h, nullptr);  // the program may have
    }
    uv_run(&loop_, UV_RUN_NOWAIT);  // the bridge's own handles are closed then
    reports_.close(&loop_);
  }

  const options opts_;
  const detail::reports reports_{opts_};
  const std::thread::id thread_ = std::this_thread::get_id();
  const detail::process_mark process_;
  uv_loop_t loop_{};
  uv_prepare_t before_poll_{};
  uv_check_t after_poll_{};
  bool turning_ = false;
};

manual_bridge::manual_bridge(options opts) : clock_(std::make_unique<clock>(std::move(opts))) {}

manual_bridge::~manual_bridge() = default;

bridge& manual_bridge::bridge() noexcept {
  return *clock_->bridge;
}

loop_ref manual_bridge::loop() noexcept {
  return loop_ref(clock_->loop());
}

bool manual_bridge::run_once() {
  return clock_->turn();
}

void manual_bridge::run_until_idle() {
  clock_->turn_until_idle();
}

void manual_bridge::advance_by(std::chrono::milliseconds time) {
  clock_->advance(static_cast<std::uint64_t>(time.count()));
}

std::chrono::milliseconds manual_bridge::now() const {
  return std::chrono::milliseconds(clock_->now);
}

}  // namespace loopbridge
