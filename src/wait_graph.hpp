#pragma once

#include <atomic>
#include <cstdint>

#include "loopbridge/detail/core_base.hpp"

namespace loopbridge::detail {

class completion;

/// One thread that runs a loop, as a vertex of the graph "this loop's thread waits for that loop".
///
/// The graph finds waits that close a cycle. Only threads that run loops are in it: nobody waits
/// for another thread through a bridge. Vertices are recycled, never freed, so that a walk over
/// them needs no lock (a lock here could be held by code that a waiting handler has interrupted).
/// One that somebody still waits for is not given to another thread.
///
/// A walk sees each edge at a different moment. It is therefore done twice, and counts only if no
/// edge on it changed in between: then all of them stood together. And it counts only if none of
/// these waits has been answered: its thread would wake, and go on.
///
/// Home of the atomics: `waits_for_` and `episode_` are written by the vertex's own thread only, at
/// the start and the end of a wait. Who waits changes its episode, reads it with seq_cst and then,
/// so, those of the others: of several threads that close a cycle, at least one sees it. The edge
/// is seq_cst for is_awaited(), see begin_wait(). `in_use_` is taken and given back by the threads
/// that own it. `answer_` is what is waited for, once that is known, and set with release by its
/// own thread; others look at it only while they are counted in `lookers_`, whose end end_wait()
/// awaits: so what it points to is still there. `lookers_` and `episode_` are seq_cst: who looks
/// counts itself and then sees the old episode, or end_wait() has changed that and then sees who
/// looks.
class wait_vertex {
 public:
  /// The calling thread's vertex; made or recycled at the first call. Null where there is no memory
  /// for it: its waits are then in no cycle that anybody sees.
  static wait_vertex* of_loop_thread(const char* name) noexcept;
  /// The calling thread's vertex, or null if it runs no loop.
  static wait_vertex* of_this_thread() noexcept;

  void begin_wait(const core_base& target, const completion* answer) noexcept;
  void is_for(const completion& answer) noexcept;
  void end_wait() noexcept;
  /// If the wait that has begun closes a cycle: throws would_deadlock with the cycle's names.
  void check_cycle();

 private:
  friend struct vertex_of_thread;
  struct edge {
    wait_vertex* from;
    std::uint64_t episode;
    wait_vertex* to;
    bool operator==(const edge&) const = default;
  };
  static constexpr unsigned name_words = 4;
  static constexpr unsigned longest_path = 64;

  bool is_awaited() const noexcept;
  bool is_over(const edge& wait) noexcept;
  edge look() noexcept;
  unsigned walk(edge (&path)[longest_path]) noexcept;
  void set_name(const char* name) noexcept;
  void get_name(char (&name)[name_words * 8 + 1]) const noexcept;

  std::atomic<wait_vertex*> waits_for_{nullptr};
  std::atomic<std::uint64_t> episode_{0};
  std::atomic<const completion*> answer_{nullptr};
  std::atomic<unsigned> lookers_{0};
  std::atomic<bool> in_use_{true};
  std::atomic<std::uint64_t> name_[name_words] = {};  ///< in words, since a walk may read it late
  wait_vertex* next_ = nullptr;                       ///< all vertices ever made; set once
};

}  // namespace loopbridge::detail
