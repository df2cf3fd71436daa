// reentrant_call::post(), interrupted at every instruction by somebody who ends the bridge: a
// firing that was accepted has run, or is reported, when the bridge has ended, although the
// reentrant_call is still there, as those of handlers are for good.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "stepping/support/sweep.hpp"
#include "support/app_loop.hpp"
#include "support/error_log.hpp"

TEST_SUITE_BEGIN("stepping: firings beside a stop");

using loopbridge::bridge;
using loopbridge::reentrant_call;
using loopbridge::status;
using namespace stepping;

namespace {

/// One bridge and one reentrant_call, and an account of its firings.
class scene {
 public:
  scene(loopbridge::queued_calls on_stop, uv_loop_t* adopted) {
    loopbridge::options opts = support::reporting_to(log_);
    opts.on_stop = on_stop;
    b = adopted != nullptr ? std::make_unique<bridge>(bridge::adopt(adopted, opts))
                           : std::make_unique<bridge>(opts);
    call_.emplace(*b, [this](std::uint64_t n) { ran_ += n; });
  }

  /// Not inlined, because the way that is noted is one through this copy of the code.
  [[gnu::noinline]] void fire() { accepted_ += call_->post() == status::accepted ? 1 : 0; }

  void stop_elsewhere() {
    std::thread([this]() noexcept { b->stop(); }).join();
  }

  /// Once the bridge has ended: is every firing accounted for?
  void check(report& r) const {
    if (ran_ > accepted_) ++r.doubled;
    if ((ran_ < accepted_) != (log_.size() != 0)) ++r.lost;
    if (accepted_ == 0) ++r.refused;
  }

  std::unique_ptr<bridge> b;

 private:
  const support::error_log log_;
  std::optional<reentrant_call> call_;
  std::atomic<std::uint64_t> accepted_{0};  // a nested fire() comes between, or not at all
  std::uint64_t ran_ = 0;                   // the loop's thread, and read after its end
};

struct ending {
  const char* name;
  void (*run)(scene& s);
};

constexpr ending of_its_own_loop[] = {
    {"stop_reentrant", [](scene& s) { s.b->stop_reentrant(); }},
    {"a firing, then stop_reentrant",
     [](scene& s) {
       s.fire();
       s.b->stop_reentrant();
     }},
    {"another thread's stop", [](scene& s) { s.stop_elsewhere(); }},
    {"a firing, then the bridge's end on another thread",
     [](scene& s) {
       s.fire();
       std::thread([&s]() noexcept { s.b.reset(); }).join();
     }},
};
constexpr ending of_an_adopted_loop[] = {
    of_its_own_loop[0],
    of_its_own_loop[1],
    {"a firing, then another thread's stop",
     [](scene& s) {
       s.fire();
       s.stop_elsewhere();
     }},
};

void sweep(const ending& e, loopbridge::queued_calls on_stop, bool adopted) {
  report r;
  const auto visit = [&](const boundary& at, path* way) {
    support::app_loop loop;
    scene s(on_stop, adopted ? &loop.loop : nullptr);
    const auto operation = [&] { s.fire(); };
    if (way != nullptr) {
      *way = path_of(operation);
      s.b->stop();
      return true;
    }
    const bool visited = interrupt_at(at, operation, [&] { e.run(s); });
    if (s.b != nullptr && visited) adopted ? s.stop_elsewhere() : s.b->stop();
    if (visited) s.check(r);
    s.b.reset();  // of an adopted loop: closes the handles
    if (visited) ++r.points;
    return visited;
  };
  path way;
  visit({}, &way);
  for_each_boundary(
      r, way, {}, [&](const boundary& at) { return visit(at, nullptr); }, [] { return false; });
  const char* const how = on_stop == loopbridge::queued_calls::run ? ", runs" : ", refuses";
  print_and_check(std::string(adopted ? "adopted, " : "") + e.name + how, r);
}

}  // namespace

TEST_CASE("a firing that is accepted while the bridge is ended runs, or is reported by its end" *
          doctest::skip(!available)) {
  for (const auto on_stop : {loopbridge::queued_calls::run, loopbridge::queued_calls::refuse}) {
    for (const ending& e : of_its_own_loop) sweep(e, on_stop, false);
  }
}

TEST_CASE("the same with an adopted loop that never turns again" * doctest::skip(!available)) {
  for (const ending& e : of_an_adopted_loop) sweep(e, loopbridge::queued_calls::run, true);
}
