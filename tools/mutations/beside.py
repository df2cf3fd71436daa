"""What stands beside the calls: manual bridges, and the log."""

MUTATIONS = [
    ("a manual bridge parks new timers in the turn only, when time has passed",
     "src/testing/manual_bridge.cpp",
     "    check_caller();\n    park_timers();\n", "    check_caller();\n", ["manual_bridge_time"]),
    ("a manual bridge fires all that falls due at once, at the end of the time",
     "src/testing/manual_bridge.cpp",
     "now = next - parked;", "now = end;", ["manual_bridge_time"]),
    ("a manual bridge fires timers that are due at one time in whatever order",
     "src/testing/manual_bridge.cpp",
     "a->start_id < b->start_id", "b->start_id < a->start_id", ["manual_bridge_time"]),
    ("a manual bridge does not look whether I/O is ready",
     "src/testing/manual_bridge.cpp",
     "return detail::platform::is_readable(uv_backend_fd(&loop_));", "return false;",
     ["manual_bridge", "manual_bridge_time"]),
    ("a message that finds no free record is not told",
     "src/log/log_sink.cpp",
     "s.say_dropped.post() == status::accepted", "!s.core.is_closed()",
     ["log_sink", "stepping_log"]),
    ("a process that exits does not wait for its logs",
     "src/sync/per_process.hpp",
     "std::atexit(at_exit_) != 0", "false", ["log_sink_exit"]),
]
