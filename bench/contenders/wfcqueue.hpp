#pragma once

#include <urcu/wfcqueue.h>

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "harness/contender.hpp"
#include "uv_loop_thread.hpp"

namespace bench {

/// liburcu's wait-free queue (exchange the tail, then link), spliced whole by the loop. It knows
/// whether it was empty, and only then is the loop woken.
class wfcqueue : public replying<wfcqueue> {
 public:
  static constexpr std::string_view name = "wfcqueue";
  static constexpr role is = role::peer;

  wfcqueue() = default;
  ~wfcqueue() = default;

  template <class F>
  void post(F&& f) {
    auto* const n = new node{{}, std::forward<F>(f)};
    cds_wfcq_node_init(&n->link);
    if (!cds_wfcq_enqueue(__cds_wfcq_head_cast(&queue_->head), &queue_->tail, &n->link))
      loop_.wake();
  }

  template <class F>
  void with_loop(F&& f) {
    call([&] { f(loop_.loop()); });
  }

 private:
  struct node {
    cds_wfcq_node link;  // first: a node is found by its link
    std::function<void()> run;
  };
  struct ends {
    __cds_wfcq_head head;
    alignas(64) cds_wfcq_tail tail;
    ends() { __cds_wfcq_init(&head, &tail); }
  };

  void run_all() {
    ends taken;
    const auto from = __cds_wfcq_head_cast(&taken.head);
    __cds_wfcq_splice_blocking(from, &taken.tail, __cds_wfcq_head_cast(&queue_->head),
                               &queue_->tail);
    while (cds_wfcq_node* const link = __cds_wfcq_dequeue_blocking(from, &taken.tail)) {
      const std::unique_ptr<node> n(reinterpret_cast<node*>(link));
      n->run();
    }
  }

  std::unique_ptr<ends> queue_ = std::make_unique<ends>();
  uv_loop_thread loop_{[this] { run_all(); }};
};

}  // namespace bench
