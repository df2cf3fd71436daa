#include "executor.hpp"

#include <cxxabi.h>
#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>

namespace weak {
namespace {

constexpr std::size_t stack_size = std::size_t{256} << 10;

struct fiber {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  std::function<void()> body;
  view seen;
  bool ended = false;
  const char* waits_for = nullptr;
  std::function<bool()> ready;  // set: blocked
  bool may_time_out = false;
  bool timed_out = false;
  std::function<void()> handler;
  bool in_handler = false;
  std::vector<void*> words;
  char exceptions[2 * sizeof(void*)] = {};  // the C++ runtime's, which are per thread
};

// One exploration at a time, on one thread.
struct {
  std::vector<std::unique_ptr<fiber>> fibers;
  std::vector<std::unique_ptr<char[]>> spare_stacks;
  fiber* current = nullptr;
  ucontext_t outside{};
  std::uint64_t run = 0;
  std::string failure;
  std::vector<void**> thread_words;
  void (*thread_end)() = nullptr;
} world;

bool can_run(fiber& f) {
  return !f.ended && (!f.ready || f.ready());
}

void save(fiber& f) {
  for (std::size_t i = 0; i < world.thread_words.size(); ++i) f.words[i] = *world.thread_words[i];
  std::memcpy(f.exceptions, abi::__cxa_get_globals(), sizeof f.exceptions);
}
void restore(fiber& f) {
  for (std::size_t i = 0; i < world.thread_words.size(); ++i) *world.thread_words[i] = f.words[i];
  std::memcpy(abi::__cxa_get_globals(), f.exceptions, sizeof f.exceptions);
}

void switch_to(fiber& next) {
  fiber& from = *world.current;
  if (&from == &next) return;
  save(from);
  world.current = &next;
  restore(next);
  swapcontext(&from.context, &next.context);
}

/// Leaves the run for good; what the fibers' stacks held is lost, which only a failure does.
[[noreturn]] void leave() {
  setcontext(&world.outside);
  std::terminate();
}

/// The next fiber to go on, when the current one cannot.
fiber& somebody_else() {
  std::vector<fiber*> able;
  for (auto& f : world.fibers) {
    if (can_run(*f)) able.push_back(f.get());
  }
  if (able.empty()) {
    for (auto& f : world.fibers) {
      if (!f->ended && f->may_time_out) {
        f->timed_out = true;
        able.push_back(f.get());
      }
    }
  }
  if (able.empty()) {
    std::string stuck = "nobody can go on:";
    for (std::size_t i = 0; i < world.fibers.size(); ++i) {
      if (!world.fibers[i]->ended) {
        stuck += " thread " + std::to_string(i) + " waits for " + world.fibers[i]->waits_for + ";";
      }
    }
    fail(stuck);
  }
  return *able[able.size() > 1 ? choose(static_cast<unsigned>(able.size())) : 0];
}

void run_fiber() {
  fiber& own = *world.current;
  own.body();
  allow_no_handler();
  if (world.thread_end != nullptr) world.thread_end();
  own.ended = true;
  if (std::all_of(world.fibers.begin(), world.fibers.end(), [](auto& f) { return f->ended; })) {
    leave();
  }
  switch_to(somebody_else());
  std::terminate();  // nobody switches to what has ended
}

}  // namespace

std::string run_once(const std::function<void()>& program) {
  ++world.run;
  world.failure.clear();
  for (auto& f : world.fibers) world.spare_stacks.push_back(std::move(f->stack));
  world.fibers.clear();
  world.current = nullptr;
  start(program);
  world.current = world.fibers[0].get();
  char outside[2 * sizeof(void*)];
  std::memcpy(outside, abi::__cxa_get_globals(), sizeof outside);
  restore(*world.current);
  swapcontext(&world.outside, &world.current->context);
  std::memcpy(abi::__cxa_get_globals(), outside, sizeof outside);
  world.current = nullptr;
  for (void** const word : world.thread_words) *word = nullptr;  // of a thread that was cut off
  return world.failure;
}

void view::join(const view& other) {
  for (unsigned i = 0; i < max_fibers; ++i) clocks[i] = std::max(clocks[i], other.clocks[i]);
  if (seen.size() < other.seen.size()) seen.resize(other.seen.size());
  for (std::size_t i = 0; i < other.seen.size(); ++i) seen[i] = std::max(seen[i], other.seen[i]);
}
std::uint32_t& view::at(std::uint32_t location) {
  if (seen.size() <= location) seen.resize(location + 1);
  return seen[location];
}
std::uint32_t view::at(std::uint32_t location) const {
  return location < seen.size() ? seen[location] : 0;
}

unsigned start(std::function<void()> body) {
  if (world.fibers.size() == view::max_fibers) fail("too many threads for this executor");
  auto made = std::make_unique<fiber>();
  if (!world.spare_stacks.empty()) {
    made->stack = std::move(world.spare_stacks.back());
    world.spare_stacks.pop_back();
  } else {
    made->stack = std::make_unique<char[]>(stack_size);
  }
  made->body = std::move(body);
  made->words.resize(world.thread_words.size());
  getcontext(&made->context);
  made->context.uc_stack.ss_sp = made->stack.get();
  made->context.uc_stack.ss_size = stack_size;
  makecontext(&made->context, run_fiber, 0);
  if (world.current != nullptr) {
    made->seen = here();  // starting a thread synchronizes with its first step
    ++here().clocks[self()];
  }
  world.fibers.push_back(std::move(made));
  return static_cast<unsigned>(world.fibers.size() - 1);
}

void join(unsigned number) {
  fiber& other = *world.fibers[number];
  block("the end of a thread", [&other] { return other.ended; });
  here().join(other.seen);
}

unsigned self() {
  for (unsigned i = 0; i < world.fibers.size(); ++i) {
    if (world.fibers[i].get() == world.current) return i;
  }
  return 0;
}

void step() {
  fiber* able[view::max_fibers] = {world.current};
  unsigned count = 1;
  for (auto& f : world.fibers) {
    if (f.get() != world.current && can_run(*f)) able[count++] = f.get();
  }
  switch_to(*able[choose(count)]);
  fiber& own = *world.current;
  if (own.handler && !own.in_handler && choose(2) == 1) {
    const std::function<void()> handler = std::move(own.handler);
    own.handler = nullptr;
    own.in_handler = true;
    handler();
    own.in_handler = false;
  }
}

void yield() {
  std::vector<fiber*> others;
  for (auto& f : world.fibers) {
    if (f.get() != world.current && can_run(*f)) others.push_back(f.get());
  }
  if (others.empty()) return step();
  switch_to(*others[choose(static_cast<unsigned>(others.size()))]);
}

bool block(const char* why, std::function<bool()> ready, bool may_time_out) {
  fiber& own = *world.current;
  if (ready() && !may_time_out) return true;
  own.waits_for = why;
  own.ready = std::move(ready);
  own.may_time_out = may_time_out;
  own.timed_out = false;
  if (may_time_out && choose(2) == 1) {
    own.timed_out = true;
  } else if (!own.ready()) {
    switch_to(somebody_else());
  }
  own.may_time_out = false;
  const bool in_time = own.ready();
  own.ready = nullptr;
  return in_time;
}

void allow_handler(std::function<void()> handler) {
  world.current->handler = std::move(handler);
}
void allow_no_handler() {
  world.current->handler = nullptr;
}

void fail(const std::string& what) {
  world.failure =
      what + " (thread " + std::to_string(self()) + ", run " + std::to_string(world.run) + ")";
  leave();
}

view& here() {
  return world.current->seen;
}
bool running() {
  return world.current != nullptr;
}
std::uint64_t run_number() {
  return world.run;
}
void make_thread_local(void** word) {
  world.thread_words.push_back(word);
}
void at_thread_end(void (*hook)()) {
  world.thread_end = hook;
}

}  // namespace weak
