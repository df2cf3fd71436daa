#pragma once

#include "measures/burst.hpp"
#include "measures/compile_time.hpp"
#include "measures/echo_round_trip.hpp"
#include "measures/handler.hpp"
#include "measures/hop.hpp"
#include "measures/idle.hpp"
#include "measures/io_latency.hpp"
#include "measures/lifetime.hpp"
#include "measures/memory.hpp"
#include "measures/post_cost.hpp"
#include "measures/round_trip.hpp"
#include "measures/throughput.hpp"

namespace bench {

/// All that is measured, in the order of the table.
template <class Visit>
void for_each_measure(Visit&& visit) {
  using enum placement;
  for (const way how : {way::call, way::submit_get}) {
    for (const placement where : {same_cpu, cross_cpu, free}) visit(round_trip{how, where});
    for (const unsigned callers : {4u, 16u}) visit(round_trip{how, free, callers});
    for (const unsigned callers : {1u, 4u, 16u}) {
      visit(round_trip{how, free, callers, pace::paced});
    }
  }
  for (const placement where : {same_cpu, cross_cpu, free}) {
    visit(round_trip{way::call, where, 1, pace::back_to_back, true});
  }
  for (const placement where : {same_cpu, cross_cpu, free})
    visit(round_trip{way::call_task, where});
  visit(post_loop_held{});
  visit(coroutine_hop{});
  visit(post_loop_awake{});
  visit(post_loop_asleep{});
  for (const unsigned producers : {1u, 2u, 4u, 8u}) visit(throughput{producers});
  visit(throughput{4, true});
  visit(burst{});
  visit(from_handler{});
  visit(io_latency{});
  visit(echo_round_trip{});
  visit(lifetime{});
  visit(idle{});
  visit(memory_per_call{});
  visit(memory_per_producer{});
  for (const unsigned producers : {1u, 4u}) visit(peak_memory{producers});
  visit(compile_time{});
}

}  // namespace bench
