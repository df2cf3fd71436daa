#pragma once

#include <semaphore>

namespace bench {

/// Keeps a loop inside a callable, posted through `p`, until it is let go: it takes nothing, and is
/// awake.
class held_loop {
 public:
  template <class Producer>
  explicit held_loop(Producer& p) {
    p.post([this] {
      held_.release();
      let_go_.acquire();
    });
    held_.acquire();
  }
  held_loop(const held_loop&) = delete;
  held_loop& operator=(const held_loop&) = delete;

  /// Then await something posted later, before this is destroyed.
  void let_go() { let_go_.release(); }

 private:
  std::binary_semaphore held_{0};
  std::binary_semaphore let_go_{0};
};

}  // namespace bench
