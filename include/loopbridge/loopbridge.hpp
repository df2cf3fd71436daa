#pragma once

// The bridge, results and handlers. Include coroutines, timers, the log, the queue and what is for
// tests where you use them.
#include "loopbridge/bridge.hpp"                    // IWYU pragma: export
#include "loopbridge/bridge_group.hpp"              // IWYU pragma: export
#include "loopbridge/default_bridge.hpp"            // IWYU pragma: export
#include "loopbridge/errors.hpp"                    // IWYU pragma: export
#include "loopbridge/handlers/reentrant_call.hpp"   // IWYU pragma: export
#include "loopbridge/loop_ref.hpp"                  // IWYU pragma: export
#include "loopbridge/options.hpp"                   // IWYU pragma: export
#include "loopbridge/results/deferred.hpp"          // IWYU pragma: export
#include "loopbridge/results/eventual.hpp"          // IWYU pragma: export
#include "loopbridge/results/future.hpp"            // IWYU pragma: export
#include "loopbridge/results/interrupt_source.hpp"  // IWYU pragma: export
#include "loopbridge/results/ready_descriptor.hpp"  // IWYU pragma: export
#include "loopbridge/results/stash.hpp"             // IWYU pragma: export
#include "loopbridge/results/then.hpp"              // IWYU pragma: export
#include "loopbridge/results/when.hpp"              // IWYU pragma: export
#include "loopbridge/stats.hpp"                     // IWYU pragma: export
#include "loopbridge/status.hpp"                    // IWYU pragma: export
#include "loopbridge/wrap.hpp"                      // IWYU pragma: export
