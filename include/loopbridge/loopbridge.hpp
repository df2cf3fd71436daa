#pragma once

// The bridge, results and handlers. Coroutines, timers, the log, the queue and what is for tests are
// included by those who use them.
#include "loopbridge/bridge.hpp"            // IWYU pragma: export
#include "loopbridge/bridge_group.hpp"      // IWYU pragma: export
#include "loopbridge/default_bridge.hpp"    // IWYU pragma: export
#include "loopbridge/deferred.hpp"          // IWYU pragma: export
#include "loopbridge/errors.hpp"            // IWYU pragma: export
#include "loopbridge/eventual.hpp"          // IWYU pragma: export
#include "loopbridge/future.hpp"            // IWYU pragma: export
#include "loopbridge/interruption.hpp"      // IWYU pragma: export
#include "loopbridge/loop_ref.hpp"          // IWYU pragma: export
#include "loopbridge/options.hpp"           // IWYU pragma: export
#include "loopbridge/ready_descriptor.hpp"  // IWYU pragma: export
#include "loopbridge/reentrant_call.hpp"    // IWYU pragma: export
#include "loopbridge/stash.hpp"             // IWYU pragma: export
#include "loopbridge/stats.hpp"             // IWYU pragma: export
#include "loopbridge/status.hpp"            // IWYU pragma: export
#include "loopbridge/then.hpp"              // IWYU pragma: export
#include "loopbridge/when.hpp"              // IWYU pragma: export
#include "loopbridge/wrap.hpp"              // IWYU pragma: export
