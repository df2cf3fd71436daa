#pragma once

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
/// want of a key of the system's, or because the library is being unloaded.
bool run_at_thread_end(at_thread_end& what) noexcept;

/// In each thread of ours, around all that it does: when this goes, the thread ends. Other threads
/// end with a key's destructor.
class thread_of_ours {
 public:
  thread_of_ours() noexcept;
  ~thread_of_ours();
  thread_of_ours(const thread_of_ours&) = delete;
  thread_of_ours& operator=(const thread_of_ours&) = delete;
};

}  // namespace loopbridge::detail
