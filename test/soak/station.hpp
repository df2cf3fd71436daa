#pragma once

#include <uv.h>

#include <atomic>
#include <optional>
#include <random>
#include <thread>

#include "world.hpp"

namespace soak {

/// How a bridge is set up, as a round's choices have it.
struct station_plan {
  bool adopted = false;
  bool async_doorbell = false;
  bool refuses_queued = false;
  bool own_memory = false;
  bool never_spins = false;
  bool leaf = false;  ///< its loop waits for nobody, so nobody's wait for it is a deadlock
  bool signals_on_loop = false;
  bool runs_once = false;  ///< adopted: UV_RUN_ONCE in a row, else UV_RUN_NOWAIT

  static station_plan chosen_by(choices& c);
};

/// A bridge with its place in the account and, if the loop is adopted, the thread that runs it.
class station {
 public:
  station(world& w, station_plan p, int site);
  ~station();
  station(const station&) = delete;
  station& operator=(const station&) = delete;

  /// Good until end().
  loopbridge::bridge& bridge() noexcept { return *bridge_; }
  int site() const noexcept { return site_; }
  const station_plan& plan() const noexcept { return plan_; }

  /// Until an adopted loop has turned, the thread that made this counts as the loop's: it must not
  /// wait for the loop, nor end the bridge.
  void await_first_turn() const;

  /// Ends the bridge, in one of many ways. Nobody uses it any more, but handles.
  void end(choices& c);

 private:
  loopbridge::options options_for();
  void run_adopted() noexcept;

  world& world_;
  const station_plan plan_;
  const int site_;
  uv_loop_t loop_{};
  std::optional<loopbridge::bridge> bridge_;
  std::atomic<bool> has_turned_{false};
  std::atomic<bool> finish_{false};
  std::thread runner_;
};

/// A call paid for in advance, with its books. Fired by threads and handlers.
struct prepaid {
  prepaid(world& w, station& s, std::uint32_t index);
  /// Has every firing run, or is the bridge being stopped?
  bool all_served() const noexcept;
  /// When its bridge has ended, the call is destroyed and nobody fires: does it add up?
  void settle();

  /// The callable: counts itself and what it answers.
  class body {
   public:
    explicit body(prepaid& p) noexcept : of_(&p) {}
    body(body&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    body& operator=(body&&) = delete;
    ~body();
    void operator()(std::uint64_t firings);

   private:
    prepaid* of_;
  };

  world& in;
  const int site;
  const bool may_wait;  ///< the doorbell lets handlers wait
  std::atomic<std::uint64_t> fired{0}, answered{0}, timed_out{0};  ///< as the callers were told
  std::atomic<std::uint64_t> served{0}, threw{0}, reported_thrown{0}, reported_stopped{0};
  std::atomic<int> bodies{1};
  std::optional<loopbridge::reentrant_call> call;
};

/// What a thread's handler needs to act: its world and its own generator. Null where it must not.
struct handler_state {
  world* in;
  std::minstd_rand engine;
  bool bridges_usable = true;
};
inline constinit thread_local handler_state* handling = nullptr;
void install_handler();

}  // namespace soak
