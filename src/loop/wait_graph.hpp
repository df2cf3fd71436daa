#pragma once

#include <atomic>
#include <cstdint>
#include <source_location>

#include "loopbridge/detail/loop/loop_core.hpp"
#include "sync/thread_end.hpp"

namespace loopbridge::detail {

class completion;
class call_base;

/// One thread that runs a loop, as a vertex of the graph "this loop's thread waits for that loop".
///
/// The graph finds waits that close a cycle. Only threads that run loops are in it: nobody waits
/// for another thread through a bridge. Vertices are recycled, never freed, so that a walk over
/// them needs no lock (a lock here could be held by code that a waiting handler has interrupted).
/// A vertex that a thread still waits for is not given to another thread.
///
/// A walk sees each edge at a different moment. It is therefore done twice, and counts only if no
/// edge on it changed in between: then all of them stood together. And it counts only if none of
/// these waits has been answered: its thread would wake, and go on.
///
/// Which thread runs an adopted loop may become known when others wait for it already. So their
/// edges lead to a proxy, a vertex of the bridge's own, which leads on to the thread's vertex: to
/// the adopting thread's at first. The thread that begins to run the loop leads it to its own
/// before it can wait in a call, so that its own look for a cycle sees the edges that were there.
///
/// Home of the atomics. `proxy_of_` is the vertex itself, or what a proxy leads to now. It is
/// written by the thread that begins, or ends, to run the loop, and by the thread that claims the
/// vertex; seq_cst, for look(). `waits_for_` and `episode_` are written by the vertex's own thread
/// only, at the start and the end of a wait. A waiter changes its episode, reads it with seq_cst,
/// and then reads those of the others, also with seq_cst: of several threads that close a cycle, at
/// least one sees it. The edge is seq_cst for is_awaited(), see begin_wait(). `in_use_` is taken
/// and given back by the threads that own it. `answer_` is what is waited for, once that is known,
/// and set with release by its own thread. Others look at it only while they are counted in
/// `lookers_`, and end_wait() awaits the end of that: so what it points to is still there.
/// `lookers_` and `episode_` are seq_cst: a looking thread counts itself and then sees the old
/// episode, or end_wait() has changed that and then sees the looking thread.
class wait_vertex {
 public:
  /// The calling thread's vertex; made or recycled at the first call. Null where there is no memory
  /// for it: its waits are then in no cycle that a thread sees.
  static wait_vertex* of_loop_thread(const char* name) noexcept;
  /// For a thread that is about to be started, so that others may wait for its loop already. It
  /// makes the vertex its own, or its maker gives it back. Null: as above.
  static wait_vertex* of_thread_to_come(const char* name) noexcept;
  void is_this_threads() noexcept;
  /// A vertex that is no thread's, for an adopted loop. Null where there is no memory for it: waits
  /// that begin before the loop's first iteration on another thread may then be in no cycle.
  static wait_vertex* make_proxy() noexcept;
  /// From now on it leads to `v`, the calling thread's; null: nowhere.
  void lead_to(wait_vertex* v) noexcept;
  /// From now on it may be given to others.
  void give_back() noexcept;
  /// The calling thread's vertex, or null if it runs no loop.
  static wait_vertex* of_this_thread() noexcept;

  void begin_wait(const loop_core& target, const completion* answer) noexcept;
  void is_for(const completion& answer) noexcept;
  /// Between begin_wait() and end_wait(): this wait is endless, for `call`, or, where that is null,
  /// for the loop's next iteration.
  void is_endless(call_base* call) noexcept;
  void end_wait() noexcept;
  /// If the wait that has begun closes a cycle: throws would_deadlock with the cycle's names.
  void check_cycle(std::source_location where);

 private:
  friend class wait_chain;

  struct edge {
    wait_vertex* from;
    std::uint64_t episode;
    wait_vertex* to;
    bool operator==(const edge&) const = default;
  };
  static constexpr unsigned name_words = 4;
  static constexpr unsigned longest_path = 64;

  static wait_vertex* claim() noexcept;
  bool is_awaited() const noexcept;
  /// Where the edge from here leads, a proxy passed through.
  static wait_vertex* resolve_proxy(wait_vertex* v) noexcept;
  bool is_over(const edge& wait) noexcept;
  edge look() noexcept;
  unsigned walk(edge (&path)[longest_path]) noexcept;
  void set_name(const char* name) noexcept;
  void get_name(char (&name)[name_words * 8 + 1]) const noexcept;

  std::atomic<wait_vertex*> waits_for_{nullptr};
  std::atomic<wait_vertex*> proxy_of_{this};
  std::atomic<std::uint64_t> episode_{0};
  std::atomic<const completion*> answer_{nullptr};
  std::atomic<unsigned> lookers_{0};
  /// These two for wait_chain, in default orders: written by the vertex's own thread.
  std::atomic<bool> endless_{false};
  std::atomic<call_base*> call_{nullptr};
  std::atomic<bool> in_use_{true};
  std::atomic<std::uint64_t> name_[name_words] = {};  ///< in words, since a walk may read it late
  at_thread_end of_ended_thread_;                     ///< gives it back
  wait_vertex* next_ = nullptr;                       ///< all vertices ever made; set once
};

}  // namespace loopbridge::detail
