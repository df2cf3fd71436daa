#pragma once

#include <chrono>
#include <loopbridge/bridge.hpp>
#include <utility>

#include "tally.hpp"

namespace tour {

/// call_for, timed and counted on both sides. `f` takes the loop first.
template <class F, class... Args>
auto counted_call(loopbridge::bridge& b, tally& t, F f, Args... args) {
  constexpr auto deadline = std::chrono::seconds(20);
  // By value what the callable needs: it may still run when call_for has timed out.
  auto counted = [&t, f = std::move(f),
                  ... a = std::move(args)](loopbridge::loop_ref loop) mutable {
    t.ran();
    return f(loop, std::move(a)...);
  };
  struct measured {
    ~measured() {
      t.submitted(how);
      t.took(clock::now() - begun);
    }
    tally& t;
    loopbridge::status how = loopbridge::status::answered;  // with a value or an exception
    const clock::time_point begun = clock::now();
  } round_trip{t};
  try {
    return b.call_for(deadline, std::move(counted));
  } catch (const loopbridge::timed_out&) {
    t.was_given_up();
    round_trip.how = loopbridge::status::timed_out;
    throw;
  } catch (const loopbridge::bridge_stopped&) {
    round_trip.how = loopbridge::status::bridge_stopped;
    throw;
  }
}

}  // namespace tour
