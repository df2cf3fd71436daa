#pragma once

#include "loopbridge/bridge.hpp"
#include "loopbridge/options.hpp"

namespace loopbridge {

/// The bridge that the libraries of a process share, so that each need not start a loop of its own,
/// and no program need hand one around.
///
/// The first caller makes it, on whatever thread. Until then nothing happens, so a program may
/// fork, change its user, or become a daemon before. If several threads call at once, all get the
/// same one. It is never destroyed: a reference to it is good for as long as the process lives.
///
/// When the process exits, by std::exit or by returning from main, the bridge is stopped as by
/// stop(), in the order of std::atexit. The destructors of static objects that were made after the
/// first use still find it at work; those of older ones find it stopped. Threads that wait then get
/// `bridge_stopped`, also while main has returned. A callable that is running is waited for. If it
/// is stopped before that, it is stopped for all, for good.
///
/// Thread   any ordinary thread, also the loop's; not a handler. For a handler make a
///          reentrant_call before.
/// Throws   what the bridge's constructor throws: std::system_error, std::bad_alloc. The next
///          caller tries again then.
/// After the end   in a forked child it refuses with `wrong_process`, like any bridge: see
///          restart_in_child().
bridge& default_bridge();

/// default_bridge() with options: for the program, before its libraries ask.
///
/// Throws   std::logic_error if there is a default bridge already; std::system_error,
///          std::bad_alloc, std::invalid_argument, what options::on_thread_start throws.
bridge& default_bridge(options opts);

/// Names a loop that the application runs itself.
struct adopt {
  uv_loop_s* loop;
};

/// default_bridge() on the application's own loop. What bridge::adopt() says holds, the rules for
/// the calling thread too. At exit nothing is done, because that loop may be gone: the application
/// stops the bridge on the loop's thread when the loop has ended.
///
/// Throws   std::logic_error if there is a default bridge already, because its calls run on another
///          thread: so this belongs before all else that may ask for it. Also
///          std::invalid_argument, std::system_error, std::bad_alloc.
bridge& default_bridge(adopt own, options opts = {});

/// In a forked child whose parent had a default bridge: makes one anew, with default options, which
/// default_bridge() gives from now on. References to the parent's go on refusing.
///
/// Not in the child of a process with several threads, where POSIX allows handlers' functions only,
/// unless malloc and pthread_create are known to work there, as glibc's do.
///
/// Throws   std::logic_error where the default bridge is this process's own; std::system_error,
///          std::bad_alloc.
bridge& restart_in_child();

}  // namespace loopbridge
