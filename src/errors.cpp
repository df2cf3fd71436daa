#include "loopbridge/errors.hpp"

#include <exception>

namespace loopbridge::detail {
namespace {

/// " (submitted at file:line [label])", or nothing where the place is not known.
std::string at(place where, const char* what = "submitted") {
  if (where.file == nullptr) return {};
  return std::string(" (") + what + " at " + place_text(where).c_str() + ")";
}

}  // namespace

std::exception_ptr make_error(failure f, place where) noexcept try {
  switch (f) {
    case failure::stopped:
      return std::make_exception_ptr(bridge_stopped(
          "loopbridge: the bridge stopped before this call was answered" + at(where) +
          "; keep the bridge until its calls are done, or expect bridge_stopped at shutdown"));
    case failure::cancelled:
      return std::make_exception_ptr(
          cancelled("loopbridge: this call was cancelled" + at(where) +
                    "; after eventual::cancel() there is no result to get"));
    case failure::broken:
      return std::make_exception_ptr(broken(
          "loopbridge: the deferred of this call was dropped unresolved" + at(where) +
          "; resolve or reject its completer on every path, also where the work is given up"));
    case failure::dropped:
      return std::make_exception_ptr(bridge_full(
          "loopbridge: the bridge was full, and a call with when_full::drop_oldest() took the "
          "place of this one" +
          at(where) + "; raise options::capacity, or let that call refuse() or block()"));
  }
  std::terminate();
} catch (...) {
  return std::current_exception();
}

bool tells_of_an_end(const std::exception_ptr& error) noexcept {
  try {
    if (error != nullptr) std::rethrow_exception(error);
  } catch (const bridge_stopped&) {
    return true;
  } catch (const cancelled&) {
    return true;
  } catch (...) {
  }
  return false;
}

void throw_stopped() {
  throw bridge_stopped(
      "loopbridge: this bridge has stopped and takes no more calls; submit before stop(), or make "
      "a new bridge");
}

void throw_full() {
  throw bridge_full(
      "loopbridge: this bridge is full: as many calls as options::capacity allows are queued; wait "
      "for room with bridge::with(when_full::block_for(...)), raise the capacity, or submit less");
}

void throw_wrong_process() {
  throw wrong_process(
      "loopbridge: this bridge belongs to the process that forked this one, and its loop does not "
      "run here; make a new bridge after fork()");
}

void throw_timed_out(place where) {
  throw timed_out("loopbridge: the time to wait was up before the call was answered" + at(where) +
                  "; is the loop blocked by a callback, or the timeout too short?");
}

void throw_interrupted(place where) {
  throw interrupted("loopbridge: the wait was interrupted before the call was answered" +
                    at(where) +
                    "; the call goes on: wait again, after interruption::reset(), or cancel() it");
}

void throw_lane_full(place where) {
  throw lane_full("loopbridge: the lane" + at(where, "made") +
                  " is full: its thread posts faster than the loop runs; let it wait "
                  "(full_lane::block) or spill (full_lane::spill), or post less");
}

void throw_unless_accepted(status s) {
  if (s == status::stopped) throw_stopped();
  if (s == status::full) throw_full();
  if (s == status::wrong_process) throw_wrong_process();
}

void throw_no_state(const char* what) {
  throw no_state(std::string("loopbridge: ") + what);
}

}  // namespace loopbridge::detail
