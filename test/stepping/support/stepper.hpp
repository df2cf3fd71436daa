#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

/// Interrupts an operation at every single instruction boundary.
///
/// Random signals do not find the bugs that matter here: a handler has to hit the few instructions
/// between two steps of a push or a wake-up. So the thread is stepped, through our code, libc and
/// all, and at boundary k a SIGTRAP handler runs the nested operation. Since that is a signal
/// handler, and the boundary is where the thread was interrupted, it is in the place of any handler
/// that a program might have. There are two ways to step:
///
///   trap_flag   x86-64: the processor raises SIGTRAP after each instruction. It skips one
///               boundary, that directly after a `syscall` instruction.
///   ptrace      any Linux: another process steps the thread and sends it the signal.
///
/// Both go through all instructions up to k, each of which costs some 20 us in a virtual machine.
/// Where the trap flag works, one run notes which way the operation goes (a path), and a hardware
/// breakpoint then leaps to its k-th boundary. That also stops directly after a `syscall`. If the
/// kernel lends no breakpoint, it is stepped.
namespace stepping {

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
inline constexpr bool available = true;
#else
inline constexpr bool available = false;  // sanitizers' runtimes are not made to be stepped through
#endif

enum class way { trap_flag, ptrace };
/// The trap flag where there is one, unless LOOPBRIDGE_STEP_WITH says ptrace. (If it says
/// trap_flag: that, and no breakpoints.)
way chosen_way();
/// Has ptrace been chosen where the trap flag would do?
bool is_second_opinion();
/// For the rest of the program: for tests of the stepping itself.
void choose(way w);

/// Nothing is stepped further than to this boundary.
inline constexpr unsigned longest_stepped = 450;

/// Refers to a callable. (A std::function may allocate, and handlers make these, inside malloc.)
class call {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, call>)
  call(F&& f) noexcept  // NOLINT: implicit
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        invoke_([](void* g) { (*static_cast<std::remove_reference_t<F>*>(g))(); }) {}
  void operator()() const { invoke_(object_); }

 private:
  void* object_;
  void (*invoke_)(void*);
};

/// One place in an operation, between two of its instructions.
struct boundary {
  unsigned number = 0;         ///< from 1; 0: stepping does not stop here, only a breakpoint does
  std::uintptr_t address = 0;  ///< of the next instruction; 0: not known
  unsigned visit = 0;          ///< the how manieth time the operation comes to it, from 1
};
using path = std::vector<boundary>;

/// One operation, interrupted once. Start and finish it on the thread that is stepped, perhaps in
/// two functions; what runs there in between is the operation. In `nested`, which is called in a
/// signal handler, another interruption may step what is done there: two levels. Only one thread
/// at a time.
class interruption {
 public:
  explicit interruption(call nested) noexcept : nested_(nested) {}
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  /// By a breakpoint, or else by stepping to `at.number`. False: neither can be done, and nothing
  /// was started.
  bool start(const boundary& at);
  /// Interrupts nothing; notes the way, for recorded(). Does nothing but with the trap flag.
  void start_recording();
  /// True: `nested` has been called. False: the operation was over before that.
  bool finish();

 private:
  friend struct trap_handler;

  void push();
  void pop();

  const call nested_;
  interruption* outer_ = nullptr;
  bool leaps_ = false;
  bool records_ = false;
  unsigned target_ = 0;
  unsigned seen_ = 0;
  bool fired_ = false;
};

/// Runs `operation` once and notes its way. In a handler too.
void note(call operation);
/// The way that was noted last. Not in a handler.
path recorded();

/// Runs `operation` once with `nested` called at `at`. False: it was over before that, or `at`
/// cannot be reached, and then it was not run.
bool interrupt_at(const boundary& at, call operation, call nested);
/// Both.
path path_of(call operation);

}  // namespace stepping
