#pragma once

#include "loopbridge/detail/core_base.hpp"

// The ends of threads: what they keep is given back, and options::stop_at_thread_end.
namespace loopbridge::detail {

/// What is to be done when a thread ends, as a member or a base of what it is done to.
///
/// No thread_local has a destructor here. Registering one waits for the dynamic linker's lock,
/// which dlopen() and dlclose() hold while the static objects of a library are made or destroyed:
/// and these may wait for a loop whose thread would wait for that lock.
struct at_thread_end {
  void (*run)(at_thread_end&) noexcept = nullptr;
  at_thread_end* next = nullptr;
};

/// `what` is run when the calling thread ends, after the destructors of thread_local objects
/// (those of the program's in a thread of ours: before), the latest first. False: it is not, for
/// want of a pthread key, or because the library is being unloaded.
bool run_at_thread_end(at_thread_end& what) noexcept;

/// In each thread of ours, around all that it does: where it goes, the thread ends. Others end with
/// a pthread key's destructor.
class thread_of_ours {
 public:
  thread_of_ours() noexcept;
  ~thread_of_ours();
  thread_of_ours(const thread_of_ours&) = delete;
  thread_of_ours& operator=(const thread_of_ours&) = delete;
};

/// Makes room for one more of the calling thread's, so that the next call cannot fail. Throws
/// std::bad_alloc.
void reserve_stop_at_thread_end();
/// `core` is stopped when the calling thread ends.
void stop_at_thread_end(core_base& core) noexcept;

}  // namespace loopbridge::detail
