// The targets, all in one place. They are printed with each run; nothing depends on them.
#include "targets.hpp"

#include <utility>

namespace bench {
namespace {

// What the goals are about.
constexpr const char* ours = "loopbridge";  // spins adaptively: the default
constexpr const char* blocking = "loopbridge, no spin";
constexpr const char* naive = "naive";
constexpr const char* epoll_floor = "floor: epoll + futex";
constexpr const char* yield_floor = "floor: yield";
constexpr const char* spin_floor = "floor: spin";
constexpr const char* uv_floor = "floor: plain libuv";
constexpr const char* moodycamel = "moodycamel";

// Where they are measured.
constexpr const char* same_cpu = "call, same CPU";
constexpr const char* cross_cpu = "call, across CPUs";
constexpr const char* free = "call, free placement";
constexpr const char* held = "post, loop held in a callable";
constexpr const char* hop = "coroutine's hop, loop held in a callable";
constexpr const char* burst = "burst of 1000, loop asleep before";
constexpr const char* handler = "post_reentrant in a signal handler";
constexpr const char* io = "I/O on the loop, each 300 us";
constexpr const char* echo = "64 bytes to a TCP echo server and back";
constexpr const char* life = "creation, one call, teardown";
constexpr const char* idle = "idle, 10 s (quick: 2 s) after 2000 calls";
constexpr const char* compiling = "compiling a program that posts a lambda";

constexpr auto at_most = target::at_most;
constexpr auto at_least = target::at_least;
constexpr double none = 0.5;  // allocations in a thousand: of the measure's own, not of each post

std::vector<target> all_targets() {
  std::vector<target> all{
      {"call, no spinning: at the floor", blocking, same_cpu, "median", at_most, 1.05, epoll_floor},
      {"call, no spinning: no peer is faster", blocking, same_cpu, "median", at_most, 1,
       every_peer},
      {"call, adaptive: near the floor", ours, same_cpu, "median", at_most, 1.15, yield_floor},
      {"call, adaptive", ours, same_cpu, "median", at_most, 0.45, naive},
      {"call, adaptive: near the floor", ours, cross_cpu, "median", at_most, 1.3, spin_floor},
      {"call, adaptive: 50 times faster", ours, cross_cpu, "median", at_most, 0.02, every_peer},
      {"4 callers", ours, "call, 4 callers, free placement", "median", at_most, 0.25, naive},
      {"4 callers: better than", ours, "call, 4 callers, free placement", "median", at_most, 1,
       every_peer},
      {"16 callers", ours, "call, 16 callers, free placement", "median", at_most, 0.25, naive},
      {"16 callers: better than", ours, "call, 16 callers, free placement", "median", at_most, 1,
       every_peer},
      {"paced calls", ours, "call, each 300 us, free placement", "median", at_most, 1.1,
       epoll_floor},
      {"post", ours, held, "median", at_most, 0.4, naive},
      {"post: no allocation", ours, held, "allocations", at_most, none},
      {"burst by post", ours, burst, "median", at_most, 0.35, naive},
      {"burst by post: writes", ours, burst, "writes", at_most, 5},
      {"from a handler", ours, handler, "loop held", at_most, 60},
      {"from a handler: no allocation", ours, handler, "allocations", at_most, none},
      {"submit over call", ours, "submit().get(), same CPU", "median", at_most, 1.3, ours, nullptr,
       same_cpu},
      {"submit over call", ours, "submit().get(), across CPUs", "median", at_most, 1.3, ours,
       nullptr, cross_cpu},
      {"submit over call", ours, "submit().get(), free placement", "median", at_most, 1.3, ours,
       nullptr, free},
      {"task over call", ours, "call of a task, same CPU", "median", at_most, 1.3, ours, nullptr,
       same_cpu},
      {"task over call", ours, "call of a task, across CPUs", "median", at_most, 1.3, ours, nullptr,
       cross_cpu},
      {"task over call", ours, "call of a task, free placement", "median", at_most, 1.2, ours,
       nullptr, free},
      {"coroutine's hop over post", ours, hop, "median", at_most, 1.3, ours, "post"},
      {"coroutine's hop: no allocation", ours, hop, "allocations", at_most, none},
      {"peak memory", ours, "peak memory, 5 M posts (quick: 2 M), 4 producers", "growth", at_most,
       2, naive},
      // Bounded: 2 M queued calls would be 140 MB.
      {"peak memory with a capacity", "loopbridge, capacity",
       "peak memory, 5 M posts (quick: 2 M), 4 producers", "growth", at_most, 16},
      {"I/O while flooded, over idle", ours, io, "flooded p99", at_most, 2, ours, "idle p99"},
      {"64 bytes over TCP, over plain libuv", ours, echo, "median", at_most, 2.5, uv_floor},
      {"64 bytes over TCP, over plain libuv", ours, echo, "mean", at_most, 1.5, uv_floor},
      {"creation and teardown", ours, life, "median", at_most, 1, naive},
      {"idle", ours, idle, "CPU", at_most, 2, naive},
      {"a queued post", ours, "memory of a queued call", "memory", at_most, 64},
      {"compile time", ours, compiling, "-O0", at_most, 0.8, naive},
      {"compile time", ours, compiling, "-O2", at_most, 0.8, naive},
  };
  for (const char* const measure : {"throughput, 1 producer", "throughput, 2 producers",
                                    "throughput, 4 producers", "throughput, 8 producers"}) {
    const bool alone = measure == std::string("throughput, 1 producer");
    all.push_back({"post", ours, measure, "throughput", at_least, alone ? 2 : 1.2, naive});
    all.push_back({"post", ours, measure, "throughput", at_least, 1.25, moodycamel});
    all.push_back({"post: no allocation", ours, measure, "allocations", at_most, none});
    all.push_back({"post: writes", ours, measure, "writes", at_most, 20});
  }
  for (const auto& [measure, ratio] :
       {std::pair("throughput, 2 producers", 0.7), std::pair("throughput, 4 producers", 0.5),
        std::pair("throughput, 8 producers", 0.4)}) {
    all.push_back({"fairness of post", ours, measure, "slowest/fastest", at_least, ratio});
  }
  for (const char* const measure :
       {"call, same CPU, busy neighbours", "call, across CPUs, busy neighbours",
        "call, free placement, busy neighbours"}) {
    all.push_back({"no harm by spinning", ours, measure, "median", at_most, 1.1, blocking});
    all.push_back({"no harm by spinning", ours, measure, "mean", at_most, 1.1, blocking});
    all.push_back({"no harm by spinning", ours, measure, "p99", at_most, 2, blocking});
  }
  return all;
}

}  // namespace

const std::vector<target>& targets() {
  static const std::vector<target> all = all_targets();
  return all;
}

}  // namespace bench
