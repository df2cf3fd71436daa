#pragma once

#include "loopbridge/bridge.hpp"

namespace loopbridge {

/// The bridge that the libraries of a process share, so that each need not start a loop of its own
/// and no program need hand one around.
///
/// It is made by whoever asks for it first, from whatever thread; until then nothing happens, so a
/// program may fork, change its user, or become a daemon before. If several threads ask at once,
/// all get the same one. It is never destroyed: a reference to it is good for as long as the
/// process lives.
///
/// When the process exits, by std::exit or by returning from main, it is stopped as by stop(), in
/// the order of std::atexit: the destructors of static objects that were made after the first use
/// still find it at work, those of older ones find it stopped. Threads that wait then get
/// `bridge_stopped`, also while main has returned; a callable that is running is waited for.
/// Whoever stops it before stops it for all, for good.
///
/// In a forked child it refuses with `wrong_process`, like any bridge: see restart_in_child().
///
/// Any ordinary thread, also the loop's; not from a handler, for which one makes a reentrant_call
/// before. Throws what the bridge's constructor throws; the next one to ask tries again then.
bridge& default_bridge();

/// The same, with options: for the program, before its libraries ask. Throws std::logic_error if
/// there is a default bridge already.
bridge& default_bridge(options opts);

/// Names a loop that the application runs itself.
struct adopt {
  uv_loop_s* loop;
};

/// The same, on the application's own loop: what bridge::adopt() says holds, the rules for the
/// calling thread too. Throws std::logic_error if there is a default bridge already, for its calls
/// run on another thread: so this belongs before all else that may ask for it. At exit nothing is
/// done, because that loop may be gone: the application stops the bridge on the loop's thread when
/// the loop has ended.
bridge& default_bridge(adopt own, options opts = {});

/// In a forked child whose parent had a default bridge: makes one anew, with default options, which
/// default_bridge() gives from now on. (References to the parent's go on refusing.) Throws like
/// default_bridge(), and std::logic_error where the default bridge is this process's own. Not in
/// the child of a process with several threads, where POSIX allows handlers' functions only, unless
/// malloc and pthread_create are known to work there, as glibc's do.
bridge& restart_in_child();

}  // namespace loopbridge
