#include <bit>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "loop/core.hpp"
#include "loop/wait_graph.hpp"
#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/owned_object.hpp"
#include "loopbridge/errors.hpp"
#include "platform/platform.hpp"

namespace loopbridge::detail {
namespace {

[[noreturn]] void throw_uv(int error, const char* what) {
  throw std::system_error(-error, std::generic_category(),
                          std::string("loopbridge: cannot start: ") + what + ": " +
                              uv_err_name(error) + ": " + uv_strerror(error));
}

/// libuv aborts the process when it finds no descriptor for its signal pipes, so look first: the
/// first loop of a process and its doorbell need seven, and this tries eight. Opened and closed
/// again; another thread may take them in between, as with every look ahead.
void require_descriptors() {
  const int error = platform::try_descriptors(8);
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "loopbridge: cannot start: a loop needs 8 free file descriptors; close "
                            "some or raise the limit (ulimit -n)");
  }
}

/// Of a loop that has a thread of its own, while that runs.
constinit thread_local core* of_this_thread = nullptr;

}  // namespace

core_ptr core_of_this_thread() noexcept {
  return of_this_thread != nullptr ? core_ptr(*of_this_thread) : core_ptr();
}

core::core(options&& opts, uv_loop_t* adopted)
    : loop_core(loop_ref(adopted != nullptr ? adopted : &own_loop_), opts.memory, &pool_,
                opts.spin == spinning::adaptive ? &spinners_ : nullptr),
      opts_(std::move(opts)),
      reports_(opts_),
      gate_(opts_.capacity != 0 ? std::make_unique<capacity_gate>(opts_.capacity) : nullptr),
      pool_(opts_.reentrant_slots, opts_.memory),
      adopted_(adopted != nullptr),
      doorbell_(doorbell_base::make(opts_.doorbell)),
      handles_(*this, *doorbell_) {
  if (opts_.patience < opts_.patience.zero()) {
    throw std::invalid_argument(
        "loopbridge: options::patience is less than nothing; zero refuses the calls of a full "
        "bridge at once, std::chrono::nanoseconds::max() lets them wait for as long as it takes");
  }
  name_ = opts_.name.c_str();
  is_special_.store(gate_ != nullptr || adopted_, std::memory_order_relaxed);  // not shared yet
  if (opts_.watchdog.callback > opts_.watchdog.callback.zero()) {
    watch_ = std::make_unique<watchdog>(*this, opts_.watchdog, opts_.stack_size);
    watchdog_ = watch_.get();
  }
}

core::~core() {
  // An adopted loop's that has not turned since its stop.
  batch never_run = stops_.never_run();
  while (operation* const n = never_run.pop()) (void)n->refuse(*this);
}

core_ptr core::start(options&& opts) {
  owned_object::free_parked();
  const platform::cancellation_disabled while_starting;
  std::optional<platform::standard_streams_taken> until_opened(std::in_place);
  require_descriptors();
  core* const made = new core(std::move(opts), nullptr);
  core_ptr held = core_ptr::adopt(made);
  made->open_loop();
  until_opened.reset();
  made->start_thread();
  return held;
}

core_ptr core::adopt(uv_loop_t* loop, options&& opts) {
  if (loop == nullptr) {
    throw std::invalid_argument(
        "loopbridge: adopt() needs a loop; for one of its own use bridge()");
  }
  if (opts.on_thread_start || opts.on_thread_exit || opts.blocked_signals || opts.stack_size != 0) {
    throw std::invalid_argument(
        "loopbridge: an adopted loop has no thread of ours: leave on_thread_start, on_thread_exit, "
        "blocked_signals and stack_size unset, and do their work where that thread starts");
  }
  const platform::cancellation_disabled while_starting;
  core* const made = new core(std::move(opts), loop);
  core_ptr held = core_ptr::adopt(made);
  made->open_handles();
  made->run_on_any_thread();
  made->note_loop_thread();  // a guess, corrected in the first iteration
  // The first iteration runs what is accepted before it, even if nothing else keeps the loop alive.
  // Until then the loop counts as asleep, see after_poll().
  made->handles_.keep_awake(true);
  made->arm();
  return held;
}

void core::open_loop() {
  if (const int error = uv_loop_init(loop()); error != 0) throw_uv(error, "uv_loop_init");
  try {
    open_handles();
  } catch (...) {
    uv_run(loop(), UV_RUN_DEFAULT);  // close callbacks
    uv_loop_close(loop());
    throw;
  }
}

void core::open_handles() {
  platform::take_standard_streams_in_forks();
  const auto before = [](loop_core& c) noexcept { static_cast<core&>(c).before_poll(); };
  const auto after = [](loop_core& c) noexcept { static_cast<core&>(c).after_poll(); };
  if (const int error = handles_.open(loop(), adopted_, before, after); error != 0) {
    throw_uv(error, "the doorbell");
  }
  own_descriptors_ = loop().get()->nfds;
}

void core::start_thread() {
  // No std::promise: that allocates, and without memory it cannot even be destroyed unfulfilled.
  start_of_thread starting;
  // Nobody waits for a thread that cannot fail: that is two switches of context, a fifth of what a
  // bridge's making costs.
  start_of_thread* const awaited = opts_.on_thread_start ? &starting : nullptr;
  add_ref();  // the thread's
  expect_loop_thread();
  try {
    if (!opts_.blocked_signals) signals_.begin();
    const platform::signal_mask blocked =
        opts_.blocked_signals ? std::bit_cast<platform::signal_mask>(*opts_.blocked_signals)
                              : platform::default_blocked_signals();
    thread_ = own_thread(opts_.stack_size, blocked, [this, awaited] {
      of_this_thread = this;
      thread_main(awaited);
      of_this_thread = nullptr;
      forget_loop_thread();
      ended_.publish(completion::queued, false);
      release_ref();
    });
  } catch (...) {  // no thread: end the loop here
    expect_no_thread();
    end_turns();
    release_ref();
    throw;
  }
  if (awaited == nullptr) return;
  if (!starting.done.wait(no_deadline, process())) {
    throw_error(status::wrong_process);  // forked by a handler
  }
  if (starting.failed != nullptr) {  // on_thread_start threw, and the thread has ended its loop
    thread_.join();
    std::rethrow_exception(starting.failed);
  }
}

/// `awaited`, which is null where nobody waits, is in start_thread's frame: not to be touched once
/// it is done.
void core::thread_main(start_of_thread* awaited) noexcept {
  // libuv's calls are cancellation points, and the loop is everybody's.
  const platform::cancellation_disabled while_running;
  if (wait_vertex* const v = vertex(); v != nullptr) v->is_this_threads();
  try {
    note_loop_thread();
    prepare_blocks_of_this_thread();
    platform::name_this_thread(opts_.name);
    if (opts_.on_thread_start) opts_.on_thread_start(loop());
  } catch (...) {
    end_turns();
    awaited->failed = std::current_exception();  // on_thread_start's: nothing else throws
    awaited->done.publish(completion::queued, false);
    return;
  }
  if (awaited != nullptr) awaited->done.publish(completion::queued, false);
  uv_run(loop(), UV_RUN_DEFAULT);
  end_turns();  // does nothing after stop(); uv_stop() by the program amounts to one
  if (opts_.on_thread_exit) {
    try {
      opts_.on_thread_exit();
    } catch (...) {
      unhandled(std::current_exception(), {});
    }
  }
}

}  // namespace loopbridge::detail
