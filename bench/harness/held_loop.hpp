#pragma once

#include <semaphore>

#include "futex.hpp"

namespace bench {

/// Keeps a loop inside a callable, posted through `p`, until the end of the block: it takes
/// nothing, and is awake. Then waits until all has run that `p` posted in the block.
template <class Producer>
class held_loop {
 public:
  explicit held_loop(Producer& p) : p_(p) {
    p.post([this] {
      held_.release();
      let_go_.acquire();
    });
    held_.acquire();
  }
  held_loop(const held_loop&) = delete;
  held_loop& operator=(const held_loop&) = delete;

  ~held_loop() {
    // Posted while the loop is held: the allocations of a batch are then the same in each run.
    one_event done;
    p_.post([&done] { done.set(); });
    let_go_.release();
    done.wait();
  }

 private:
  Producer& p_;
  std::binary_semaphore held_{0};
  std::binary_semaphore let_go_{0};
};

}  // namespace bench
