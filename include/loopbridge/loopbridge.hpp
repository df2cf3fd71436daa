#pragma once

// Everything that users include, except what includes <uv.h>: the awaitables in loopbridge/async/.
#include "loopbridge/bridge.hpp"            // IWYU pragma: export
#include "loopbridge/bridge_group.hpp"      // IWYU pragma: export
#include "loopbridge/default_bridge.hpp"    // IWYU pragma: export
#include "loopbridge/deferred.hpp"          // IWYU pragma: export
#include "loopbridge/errors.hpp"            // IWYU pragma: export
#include "loopbridge/eventual.hpp"          // IWYU pragma: export
#include "loopbridge/future.hpp"            // IWYU pragma: export
#include "loopbridge/interruption.hpp"      // IWYU pragma: export
#include "loopbridge/log_sink.hpp"          // IWYU pragma: export
#include "loopbridge/loop_ref.hpp"          // IWYU pragma: export
#include "loopbridge/manual_bridge.hpp"     // IWYU pragma: export
#include "loopbridge/options.hpp"           // IWYU pragma: export
#include "loopbridge/ready_descriptor.hpp"  // IWYU pragma: export
#include "loopbridge/reentrant_call.hpp"    // IWYU pragma: export
#include "loopbridge/reentrant_queue.hpp"   // IWYU pragma: export
#include "loopbridge/schedule.hpp"          // IWYU pragma: export
#include "loopbridge/stash.hpp"             // IWYU pragma: export
#include "loopbridge/stats.hpp"             // IWYU pragma: export
#include "loopbridge/status.hpp"            // IWYU pragma: export
#include "loopbridge/task.hpp"              // IWYU pragma: export
#include "loopbridge/then.hpp"              // IWYU pragma: export
#include "loopbridge/timed.hpp"             // IWYU pragma: export
#include "loopbridge/when.hpp"              // IWYU pragma: export
#include "loopbridge/wrap.hpp"              // IWYU pragma: export
