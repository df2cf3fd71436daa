"""What `tools/mutate --measure` takes out: what it is called, where it stands, the text and what it
becomes, and what is measured: by bench/harness/probe.cpp, in which unit, and which of the two
figures that it prints."""

MECHANISMS = [
    ("an eventfd that is edge-triggered: no read in a turn", "src/platform/linux_wakeup_fd.cpp",
     "return epoll_ctl(poller, EPOLL_CTL_MOD, read_fd_, &event) == 0;",
     "return (void)event, poller < 0;", [("paced call", "ns", 0)]),
    ("a wait without a timer, on a number that a fork wipes", "src/platform/linux.cpp",
     "  if (until != no_deadline) {",
     "  until = std::min(until, std::chrono::steady_clock::now() + std::chrono::seconds(1));\n  {",
     [("call", "ns", 0), ("paced call", "ns", 0)]),
    ("slabs: calls lie in memory in the order of their posting", "src/call/blocks.cpp",
     "constexpr bool recycle = true;", "constexpr bool recycle = false;",
     [("post held", "ns", 0), ("posts", "M/s", 0), ("posts of 4", "M/s", 0)]),
    ("a yield before a thread takes new memory for calls", "src/call/blocks.cpp",
     "if (s.at != nullptr && s.empty == nullptr && !central_lists[c].has_any()) platform::yield_cpu();",
     "",
     [("posts of 4", "M/s", 0), ("posts of 4", "MB", 1)]),
    ("a ring says where its poster runs", "src/loop/loop_core.cpp",
     "  if (spinning_ != nullptr) spinning_->waiters.note_cpu();\n", "",
     [("posts on 1 CPU", "M/s", 0)]),
    ("stats(): the loop counts", "include/loopbridge/detail/sync/counters.hpp",
     "void add_alone(std::uint64_t n = 1) noexcept { set(get() + n); }",
     "void add_alone(std::uint64_t = 1) noexcept {}",
     [("posts", "M/s", 0), ("spinning call", "ns", 0)]),
]
