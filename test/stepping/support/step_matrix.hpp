#pragma once

#include <string>
#include <vector>

#include "stepped_bridge.hpp"
#include "sweep.hpp"

/// Operations x what interrupts them x what the loop does meanwhile x doorbells.
namespace stepping {

/// What the loop does while the operation is stepped.
enum class loop_is {
  asleep,
  held,      ///< awake, in a callable
  stopping,  ///< in a callable, while another thread is in stop()
};
std::string name_of(loop_is state);
inline const std::vector<loop_is> all_states{loop_is::asleep, loop_is::held, loop_is::stopping};

/// One row: what is interrupted. The functions enter in s.outer what must come of it.
struct operation {
  const char* name;
  void (*run)(stepped_bridge& s);  ///< this is stepped
  /// Before: with the loop free, and then with the loop held, if it is to be.
  void (*prepare)(stepped_bridge& s) = nullptr;
  void (*enqueue)(stepped_bridge& s) = nullptr;
  /// After, when all that was accepted has run.
  void (*look)(stepped_bridge& s) = nullptr;
  std::vector<loop_is> states = all_states;
  bool waits = false;                   ///< blocks until the loop has done something
  bool stops = false;                   ///< ends the bridge
  bool needs_waiting_handlers = false;  ///< itself for the self-pipe only
  bool bridge_may_go = false;           ///< so that handlers may use only what outlives it
  /// It blocks signals for moments (platform::signals_blocked): handlers come by one, and perhaps
  /// later.
  bool blocks_signals = false;
};
extern const operation post_reentrant;
/// Fire the call that the handlers fire, so that all levels meet on its shared node, and all runs
/// count as the handlers'.
extern const operation fire;
extern const operation fire_and_wait;

/// What a handler does at the boundary. It reports what it was told.
struct handler {
  const char* name;
  loopbridge::status (*run)(stepped_bridge& s);
  bool waits = false;  ///< for the self-pipe only
  bool stops = false;
  bool uses_bridge = false;
};
extern const handler submits;            ///< post_reentrant, from the pool
extern const handler submits_prepaid;    ///< reentrant_call::post
extern const handler submits_and_waits;  ///< reentrant_call::call_for
extern const handler submits_waits_and_stops;
extern const handler stops;  ///< stop_reentrant
extern const handler stops_and_sees_the_end;
inline const std::vector<const handler*> all_handlers{
    &submits, &submits_prepaid, &submits_and_waits, &stops, &stops_and_sees_the_end};

/// Steps through `o` on both doorbells, in each state that it allows, with each of the handlers
/// that are allowed there; prints and checks what each sweep saw.
void step_through(const operation& o, const std::vector<const handler*>& handlers = all_handlers);

/// Two levels: `o`, interrupted at each boundary by `first`, which is interrupted at each boundary
/// by `second`. On the self-pipe.
void step_through_pairs(const operation& o, loop_is state, const handler& first,
                        const handler& second);

}  // namespace stepping
