#pragma once

#include <cstddef>

#include "futex.hpp"
#include "measure.hpp"

namespace bench {

/// Posts so many closures that each add one. A function of its own in the object code too: whether
/// post() is inlined must not hang on what a measure has around it.
template <class Producer>
[[gnu::noinline]] void post_ones(Producer& p, total& counted, std::size_t posts) {
  for (std::size_t n = 0; n < posts; ++n) p.post(add_to{&counted.sum, 1});
}

/// Returns when all has run that `p` has posted.
template <class Producer>
void drain(Producer& p) {
  one_event done;
  p.post([&done] { done.set(); });
  done.wait();
}

}  // namespace bench
