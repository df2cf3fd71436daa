#include "costs.hpp"

#include <sys/resource.h>
#include <time.h>

#include <array>
#include <atomic>
#include <cstddef>

#include "counting.hpp"

namespace bench {
namespace {

/// Each thread counts for itself, with plain additions: a shared counter would be a contended line
/// in every post that is measured. Cells outlive their threads, so that nothing is lost, and are
/// used again after the last one: a count may go astray then if both threads still run.
struct alignas(64) cell {
  std::atomic<std::uint64_t> system_calls;
  std::atomic<std::uint64_t> writes;
  std::atomic<std::uint64_t> allocations;
};

constinit std::array<cell, 4096> cells{};
constinit std::atomic<std::size_t> cells_given{0};
constinit thread_local cell* mine = nullptr;

cell& own_cell() {
  if (mine == nullptr) mine = &cells[cells_given.fetch_add(1) % cells.size()];
  return *mine;
}

void add_one(std::atomic<std::uint64_t>& count) {
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

void count_call() {
  add_one(own_cell().system_calls);
}
void count_allocation() {
  add_one(own_cell().allocations);
}

void count_write() {
  cell& c = own_cell();
  add_one(c.system_calls);
  add_one(c.writes);
}

costs costs::so_far() {
  costs all;
  timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  all.cpu_ns = static_cast<double>(cpu.tv_sec) * 1e9 + static_cast<double>(cpu.tv_nsec);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  all.switches = static_cast<std::uint64_t>(usage.ru_nvcsw + usage.ru_nivcsw);
  for (const cell& c : cells) {
    all.system_calls += c.system_calls.load(std::memory_order_relaxed);
    all.writes += c.writes.load(std::memory_order_relaxed);
    all.allocations += c.allocations.load(std::memory_order_relaxed);
  }
  return all;
}

costs operator-(const costs& after, const costs& before) {
  return {after.cpu_ns - before.cpu_ns, after.switches - before.switches,
          after.system_calls - before.system_calls, after.writes - before.writes,
          after.allocations - before.allocations};
}

}  // namespace bench
