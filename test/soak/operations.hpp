#pragma once

#include "station.hpp"
#include "watch.hpp"
#include "world.hpp"

// What actors do. Everything may be done on any thread, a loop's too, and says what must come of it
// there; each operation returns in the end, or the watch has found a waiter that hangs.
namespace soak {

/// One operation, whichever `c` chooses.
void perform(world& w, choices& c);
/// The same, of those that need no bridge but only the handles that it left.
void perform_on_handles(world& w, choices& c);

// operations_submit.cpp
void post_job(world& w, station& s, choices& c);
void submit_job(world& w, station& s, choices& c);
void call_job(world& w, station& s, choices& c);
void call_job_for(world& w, station& s, choices& c);
// operations_handles.cpp
void look_at_handle(world& w, choices& c);
void settle_pledge(world& w, choices& c);
// operations_handlers.cpp
void post_bare(world& w, station& s, std::uint32_t times) noexcept;
void fire_prepaid(prepaid& p) noexcept;
void wait_for_prepaid(world& w, prepaid& p, std::chrono::microseconds timeout) noexcept;
// operations_rare.cpp
void stop_station(world& w, station& s);
void live_briefly(world& w, choices& c);
void fork_child(world& w, station& s);

/// Resolves, rejects or drops.
void settle(world& w, pledge p, std::uint32_t how);

}  // namespace soak
