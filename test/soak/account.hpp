#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>

namespace soak {

/// One submission, by its number in the account. It is also the line of the location that is passed
/// with it, so that what reaches options::on_unhandled_error can be booked.
using id = std::uint32_t;
inline constexpr id none = 0;

enum class kind : std::uint8_t { post, bare, submit, call, call_for };

/// A handler's: copied as bytes, so nobody hears of the callable's end.
constexpr bool is_bytes(kind k) noexcept {
  return k == kind::bare;
}

/// What is known about a submission. Each fact is noted by the thread that came to know it.
enum fact : std::uint32_t {
  opened = 1u << 0,
  // The verdict on the submission; exactly one.
  accepted = 1u << 1,
  refused = 1u << 2,
  withdrawn = 1u << 3,  ///< call_for went away without an answer
  // The callable.
  ran = 1u << 4,
  threw = 1u << 5,     ///< and is known to throw
  deferred = 1u << 6,  ///< and returned a deferred
  destroyed = 1u << 7,
  // What decided the deferred: at most one of the first three.
  resolved = 1u << 8,
  rejected = 1u << 9,
  cancel_won = 1u << 10,  ///< cancel() said true; also of a call that was queued
  cancel_asked = 1u << 11,
  let_go = 1u << 12,  ///< its completer was dropped
  hook_set = 1u << 13,
  hook_ran = 1u << 14,
  // What the submitter, or whoever held the handle, was told.
  told_value = 1u << 16,
  told_threw = 1u << 17,
  told_cancelled = 1u << 18,
  told_stopped = 1u << 19,
  told_broken = 1u << 20,
  reported = 1u << 21,      ///< to on_unhandled_error
  by_submitter = 1u << 22,  ///< the callable was destroyed by the thread that submits
  is_task = 1u << 23,  ///< it is a task that awaits the deferred: an end of that is not its own
};
inline constexpr std::uint32_t told_mask = 31u << 16;

/// One bridge, as the account sees it.
struct site {
  std::atomic<bool> adopted{false};
  std::atomic<bool> runs_queued{false};  ///< options::on_stop is `run`
  std::atomic<bool> stop_begun{false};   ///< set before whoever stops it does
  std::atomic<bool> stop_ended{false};   ///< stop() has returned
  /// Loops that wait for this one, and when the last of them ceased to.
  std::atomic<unsigned> waiters{0};
  std::atomic<std::uint64_t> last_wait_ended{0};
  std::atomic<bool> stopped_elsewhere{false};  ///< adopted, by a stop() on another thread
  /// The latest beginning of all that ran. Plain: only the loop's thread touches it while calls
  /// run, and ThreadSanitizer watches that it is so.
  std::uint64_t newest_began = 0;
};
inline constexpr unsigned most_sites = 64;

/// What a thread is doing, as far as it bears on who may destroy what.
struct whereabouts {
  int loop_of = -1;  ///< the site whose loop runs on this thread
  id submitting = none;
  id cancelling = none;
  std::uint64_t stopping = 0;  ///< adopted sites, one bit each
};
inline constinit thread_local whereabouts here;

/// The books: what was submitted, and what became of it. It knows the library's contract but
/// nothing of the library, allocates nothing while it is written to, and takes no lock, so that
/// signal handlers can keep their accounts too.
///
/// Nothing here orders one thread after another: what is wrong is to show, and a race of the
/// library's must not vanish behind the account's own synchronisation. Hence relaxed accesses
/// everywhere; what one thread must see of another's notes, the library's guarantees make visible.
class account {
 public:
  static constexpr std::uint32_t most_calls = 1u << 17;
  explicit account(std::size_t most = most_calls);

  /// A new bridge; below zero: there is no room for more in this round.
  int open_site(bool is_adopted, bool runs_queued) noexcept;
  site& at(int s) noexcept { return sites_[static_cast<std::size_t>(s)]; }

  /// Before a submission: its number, or `none` if the books are full. Any thread, any handler.
  id open(kind k, int s) noexcept;
  /// After it: the verdict.
  void accept(id i) noexcept;
  void refuse(id i, bool as_stopped = true) noexcept;
  void withdraw(id i) noexcept;

  void note_run(id i) noexcept;
  void note_destroyed(id i) noexcept;
  void note_told(id i, fact told) noexcept;
  void note_reported(id i) noexcept;
  void note_cancel_won(id i) noexcept;
  void note_hook_run(id i) noexcept;
  /// For facts that need no check. Gives what was known before.
  std::uint32_t note(id i, fact f) noexcept;
  bool knows(id i, fact f) const noexcept;
  int site_of(id i) noexcept { return of(i).site.load(std::memory_order_relaxed); }

  /// Is everything that was accepted by bridges that nobody stops through with its callable?
  bool all_have_run() const noexcept;

  /// On the stack of a loop's thread, while it may be waiting for another loop.
  class loop_waits;

  /// Something is wrong. Any thread, any handler; `what` lives for ever.
  void complain(const char* what, id i = none) noexcept;
  unsigned complaints() const noexcept { return complaints_.load(std::memory_order_relaxed); }
  bool complained_of(const char* part) const noexcept;
  void print_complaints(std::FILE* to) const;

  /// All bridges have ended and all handles are gone: every number must have one fate, which
  /// agrees with what everybody was told. Clears the books, except for the complaints.
  void settle();

  struct totals {
    std::uint64_t accepted, refused, withdrawn, ran, cancelled, stopped, reported;
  };
  const totals& sums() const noexcept { return sums_; }

 private:
  struct entry {
    std::atomic<std::uint32_t> facts{0};
    std::atomic<kind> what{kind::post};
    std::atomic<std::uint8_t> site{0};
    /// Moments before and after the submission, of one clock. What ended before another began
    /// happened before it.
    std::atomic<std::uint64_t> began{0};
    std::atomic<std::uint64_t> ended{0};
  };
  struct complaint {
    std::atomic<const char*> what{nullptr};
    id about = none;
    std::uint32_t facts = 0;
    kind submitted_by{};
    int site = 0;
  };

  entry& of(id i) noexcept { return entries_[i]; }
  std::uint64_t tick() noexcept;
  void check_order(entry& e, site& s, id i) noexcept;
  void settle(id i);
  void settle_reports(id i, std::uint32_t f, kind k, bool failed, bool known);
  void settle_site(int s);

  const std::size_t most_;
  const std::unique_ptr<entry[]> entries_;
  alignas(64) std::atomic<std::uint32_t> next_{1};
  alignas(64) std::atomic<std::uint64_t> clock_{1};
  std::array<site, most_sites> sites_;
  std::atomic<int> next_site_{0};
  std::array<complaint, 32> noted_;
  std::atomic<unsigned> complaints_{0};
  totals sums_{};
};

class account::loop_waits {
 public:
  loop_waits(account& books, int target) noexcept;
  ~loop_waits();
  loop_waits(const loop_waits&) = delete;
  loop_waits& operator=(const loop_waits&) = delete;

  /// May it have closed a cycle? Only if another loop has waited for this one meanwhile.
  bool may_be_in_a_cycle() const noexcept;

 private:
  account& books_;
  site* target_ = nullptr;
  std::uint64_t began_ = 0;
};

}  // namespace soak
