#pragma once

#include <loopbridge/bridge.hpp>
#include <utility>

#include "tally.hpp"

namespace tour {

/// Submits when it is destroyed, as an object does that must tell a loop that it is gone. Its
/// destructor may run anywhere: while an exception unwinds, inside a container's or a callable's
/// destructor, on the loop, in a signal handler. So it may not allocate, lock or throw, and
/// post_reentrant does none of these.
class finalizer {
 public:
  finalizer(loopbridge::bridge& b, tally& t) noexcept : bridge_(&b), tally_(&t) {}
  finalizer(finalizer&& other) noexcept
      : bridge_(other.bridge_), tally_(std::exchange(other.tally_, nullptr)) {}
  finalizer& operator=(finalizer&& other) noexcept {
    std::swap(bridge_, other.bridge_);
    std::swap(tally_, other.tally_);
    return *this;
  }
  ~finalizer() {
    if (tally_ != nullptr) tally_->submitted(post(*bridge_, *tally_));
  }

  /// What the destructor does; also for handlers that submit without an object.
  static loopbridge::status post(loopbridge::bridge& b, tally& t) noexcept {
    struct posted {  // copied as bytes into a slot of the bridge's: small and trivial
      tally* t;
      clock::time_point at;
    };
    return b.post_reentrant(
        [](posted p) {
          p.t->ran();
          p.t->took(clock::now() - p.at);
        },
        posted{&t, clock::now()});
  }

 private:
  loopbridge::bridge* bridge_;
  tally* tally_;  ///< null: moved from
};

/// Destroys finalizers in the places where destructors run unexpectedly.
void destroy_finalizers(loopbridge::bridge& b, tallies& t);

}  // namespace tour
