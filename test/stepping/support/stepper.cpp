#include "stepper.hpp"

#include <signal.h>
#include <ucontext.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <unordered_map>

#include "breakpoint.hpp"
#include "tracer.hpp"

// Code that runs between the flag and the operation has a section of its own, so that it can be
// told from the operation.
#define LOOPBRIDGE_STEPPER [[gnu::section("stepper_text")]]
extern "C" const char __start_stepper_text[];
extern "C" const char __stop_stepper_text[];

namespace stepping {
namespace {

#ifdef __x86_64__
constexpr bool has_trap_flag = true;
constexpr greg_t trap_flag = 0x100;

// The stack pointer steps over the red zone first, in which the compiler may keep values.
[[gnu::noinline]] LOOPBRIDGE_STEPPER void set_trap_flag() {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n\t pushfq\n\t orq $0x100, (%%rsp)\n\t popfq\n\t"
      "lea 128(%%rsp), %%rsp" ::
          : "memory", "cc");
}
[[gnu::noinline]] LOOPBRIDGE_STEPPER void clear_trap_flag() {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n\t pushfq\n\t andq $~0x100, (%%rsp)\n\t popfq\n\t"
      "lea 128(%%rsp), %%rsp" ::
          : "memory", "cc");
}
void clear_trap_flag_of(void* context) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
}
std::uintptr_t next_instruction(void* context) {
  return static_cast<std::uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
}
#else
constexpr bool has_trap_flag = false;
void set_trap_flag() {}
void clear_trap_flag() {}
void clear_trap_flag_of(void*) {}
std::uintptr_t next_instruction(void*) {
  return 0;
}
#endif

bool is_wished(const char* what) {
  const char* const wish = std::getenv("LOOPBRIDGE_STEP_WITH");
  return wish != nullptr && std::strcmp(wish, what) == 0;
}
const bool may_leap = !is_wished("trap_flag");
way& the_way() {
  static way w = is_wished("ptrace") || !has_trap_flag ? way::ptrace : way::trap_flag;
  return w;
}

// Of the one thread that is stepped; a handler there, at any instruction, reads and writes these.
interruption* innermost = nullptr;
unsigned depth = 0;
constexpr unsigned longest_way = 1U << 17;
std::uintptr_t noted[longest_way];
unsigned noted_count = 0;
constexpr int of_breakpoint = 6;  // TRAP_PERF, which this libc's headers may lack

}  // namespace

struct trap_handler {
  static void on_trap(int, siginfo_t* info, void* context) {
    interruption* const now = innermost;
    if (now == nullptr) return;
    if (now->records_) {
      if (noted_count < longest_way) noted[noted_count++] = next_instruction(context);
      return;
    }
    if (++now->seen_ < now->target_) return;
    if (info->si_code == of_breakpoint) {
      breakpoint::clear(depth);
    } else {
      clear_trap_flag_of(context);  // the rest of the operation runs at full speed
    }
    if (now->fired_) return;
    now->fired_ = true;
    now->nested_();
  }
  static void install() {
    struct sigaction action{};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;  // what it calls may be stepped, too
    if (sigaction(SIGTRAP, &action, nullptr) != 0) throw std::runtime_error("sigaction");
  }
};

way chosen_way() {
  return the_way();
}
bool is_second_opinion() {
  return has_trap_flag && chosen_way() == way::ptrace;
}
void choose(way w) {
  the_way() = has_trap_flag ? w : way::ptrace;
}

void interruption::push() {
  trap_handler::install();
  outer_ = innermost;
  innermost = this;
  ++depth;
}
void interruption::pop() {
  innermost = outer_;
  --depth;
}

LOOPBRIDGE_STEPPER bool interruption::start(const boundary& at) {
  const bool traced = chosen_way() == way::ptrace;
  if (!traced && at.address != 0 && may_leap) {
    target_ = at.visit;
    push();
    leaps_ = breakpoint::set(depth, at.address);
    if (leaps_) return true;
    pop();
  }
  if (at.number == 0 || at.number > longest_stepped) return false;
  if (traced) tracer::of_this_thread();  // made now, so that making it is not stepped
  target_ = traced ? 1 : at.number;      // a tracer counts by itself, and sends one signal
  push();
  if (traced) {
    tracer::of_this_thread().step(at.number);
  } else {
    set_trap_flag();
  }
  return true;
}

LOOPBRIDGE_STEPPER void interruption::start_recording() {
  noted_count = 0;
  records_ = true;
  push();
  if (chosen_way() == way::trap_flag) set_trap_flag();
}

LOOPBRIDGE_STEPPER bool interruption::finish() {
  if (leaps_) {
    breakpoint::clear(depth);
  } else if (chosen_way() == way::ptrace) {
    if (!records_) tracer::of_this_thread().stop();
  } else {
    clear_trap_flag();
  }
  pop();
  return fired_;
}

path recorded() {
  path way;
  std::unordered_map<std::uintptr_t, unsigned> visits;
  const auto add = [&](unsigned number, std::uintptr_t address) {
    way.push_back({number, address, ++visits[address]});
  };
  const auto start = reinterpret_cast<std::uintptr_t>(__start_stepper_text);
  const auto stop = reinterpret_cast<std::uintptr_t>(__stop_stepper_text);
  for (unsigned i = 0; i < noted_count; ++i) {
    if (noted[i] >= start && noted[i] < stop) continue;
    add(i + 1, noted[i]);
    // The trap flag is silent after a `syscall`, 0f 05; the next instruction is a boundary, too.
    constexpr unsigned char syscall_code[] = {0x0f, 0x05};
    const auto* const code = reinterpret_cast<const unsigned char*>(noted[i]);
    if (std::memcmp(code, syscall_code, 2) == 0 &&
        (i + 1 == noted_count || noted[i + 1] != noted[i] + 2)) {
      add(0, noted[i] + 2);
    }
  }
  return way;
}

LOOPBRIDGE_STEPPER bool interrupt_at(const boundary& at, call operation, call nested) {
  interruption once(nested);
  if (!once.start(at)) return false;
  operation();
  return once.finish();
}

LOOPBRIDGE_STEPPER void note(call operation) {
  const auto nothing = [] {};
  interruption notes(nothing);
  notes.start_recording();
  operation();
  notes.finish();
}

path path_of(call operation) {
  note(operation);
  return recorded();
}

}  // namespace stepping
