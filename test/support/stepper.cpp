#include "stepper.hpp"

#include <cstdio>

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <ucontext.h>

#include <stdexcept>

namespace stepping {
namespace {

constexpr greg_t trap_flag = 0x100;

// The one sweep that is under way: used by the SIGTRAP handler on the stepping thread.
const std::function<void()>* nested_operation = nullptr;
unsigned target = 0;
unsigned seen = 0;
bool fired = false;

void on_trap(int, siginfo_t*, void* context) {
  if (++seen < target) return;
  if (!fired) {
    fired = true;
    (*nested_operation)();
  }
  // The rest of the operation runs at full speed.
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
}

// The stack pointer steps over the red zone first, in which the compiler may keep values.
[[gnu::always_inline]] inline void set_trap_flag() {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n\t pushfq\n\t orq $0x100, (%%rsp)\n\t popfq\n\t"
      "lea 128(%%rsp), %%rsp" ::
          : "memory", "cc");
}
[[gnu::always_inline]] inline void clear_trap_flag() {
  asm volatile(
      "lea -128(%%rsp), %%rsp\n\t pushfq\n\t andq $~0x100, (%%rsp)\n\t popfq\n\t"
      "lea 128(%%rsp), %%rsp" ::
          : "memory", "cc");
}

}  // namespace

bool interrupt_at(unsigned boundary, const std::function<void()>& operation,
                  const std::function<void()>& nested) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGTRAP, &action, &before) != 0) throw std::runtime_error("sigaction");
  nested_operation = &nested;
  target = boundary;
  seen = 0;
  fired = false;
  set_trap_flag();
  operation();
  clear_trap_flag();
  sigaction(SIGTRAP, &before, nullptr);
  return fired;
}

}  // namespace stepping
#else
namespace stepping {
bool interrupt_at(unsigned, const std::function<void()>&, const std::function<void()>&) {
  return false;
}
}  // namespace stepping
#endif

void stepping::print(const char* scenario, const report& r) {
  std::printf("stepped: %-58s %5u points, %u lost, %u doubled, %u hung, %u refused\n", scenario,
              r.points, r.lost, r.doubled, r.hung, r.refused);
  std::fflush(stdout);
}
