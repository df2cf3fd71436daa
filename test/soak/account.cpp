#include "account.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace soak {
namespace {

// Where every locked instruction is a full fence, relaxed moments are in the order of time, and
// ThreadSanitizer learns of no order between threads from them that the library did not make.
#if defined(__x86_64__) || defined(__i386__)
constexpr auto clock_order = std::memory_order_relaxed;
#else
constexpr auto clock_order = std::memory_order_acq_rel;
#endif

constexpr std::uint64_t bit_of(int site) noexcept {
  return std::uint64_t{1} << site;
}

}  // namespace

account::account(std::size_t most) : most_(most), entries_(new entry[most]) {}

int account::open_site(bool is_adopted, bool runs_queued) noexcept {
  const int s = next_site_.fetch_add(1, std::memory_order_relaxed);
  if (s >= static_cast<int>(most_sites)) return -1;
  at(s).adopted = is_adopted;
  at(s).runs_queued = runs_queued;
  return s;
}

std::uint64_t account::tick() noexcept {
  return clock_.fetch_add(1, clock_order);
}

id account::open(kind k, int s) noexcept {
  id i = next_.load(std::memory_order_relaxed);
  do {
    if (i >= most_) return none;
  } while (!next_.compare_exchange_weak(i, i + 1, std::memory_order_relaxed));
  entry& e = of(i);
  e.what.store(k, std::memory_order_relaxed);
  e.site.store(static_cast<std::uint8_t>(s), std::memory_order_relaxed);
  const bool ended = at(s).stop_ended.load(std::memory_order_relaxed);
  e.ended.store(ended ? ~std::uint64_t{0} : 0, std::memory_order_relaxed);
  e.facts.store(opened, std::memory_order_relaxed);
  e.began.store(tick(), std::memory_order_relaxed);
  return i;
}

void account::accept(id i) noexcept {
  entry& e = of(i);
  // Set by open(): the bridge's stop() had returned before.
  if (e.ended.load(std::memory_order_relaxed) == ~std::uint64_t{0}) {
    complain("accepted, although the bridge's stop() had returned before", i);
  }
  e.ended.store(tick(), std::memory_order_relaxed);
  if ((note(i, accepted) & (refused | withdrawn)) != 0) complain("two verdicts", i);
}

void account::refuse(id i, bool as_stopped) noexcept {
  const std::uint32_t before = note(i, refused);
  if ((before & ran) != 0) complain("refused, and yet it has run", i);
  if ((before & destroyed) == 0 && !is_bytes(of(i).what.load(std::memory_order_relaxed))) {
    complain("refused, but its callable is not destroyed yet", i);
  }
  site& s = at(of(i).site.load(std::memory_order_relaxed));
  if (as_stopped && !s.stop_begun.load(std::memory_order_relaxed)) {
    complain("refused as stopped, although nobody stops the bridge", i);
  }
}

void account::withdraw(id i) noexcept {
  of(i).ended.store(tick(), std::memory_order_relaxed);
  note(i, withdrawn);
}

std::uint32_t account::note(id i, fact f) noexcept {
  return of(i).facts.fetch_or(f, std::memory_order_relaxed);
}

bool account::knows(id i, fact f) const noexcept {
  return (entries_[i].facts.load(std::memory_order_relaxed) & f) != 0;
}

void account::note_run(id i) noexcept {
  const std::uint32_t before = note(i, ran);
  entry& e = of(i);
  const int s = e.site.load(std::memory_order_relaxed);
  if ((before & opened) == 0) return complain("ran long after its round", i);
  if ((before & ran) != 0) return complain("ran twice", i);
  if ((before & refused) != 0) complain("ran although it was refused", i);
  if ((before & destroyed) != 0) complain("ran after its callable was destroyed", i);
  if ((before & cancel_won) != 0) complain("ran although it was cancelled while queued", i);
  if (here.loop_of != s) return complain("ran on another thread than the loop's", i);
  check_order(e, at(s), i);
}

/// Law 6: nothing that began after this one had ended may have run before it.
void account::check_order(entry& e, site& s, id i) noexcept {
  const std::uint64_t ended = e.ended.load(std::memory_order_relaxed);
  if (ended != 0 && ended < s.newest_began) complain("ran out of order: a later call ran first", i);
  s.newest_began = std::max(s.newest_began, e.began.load(std::memory_order_relaxed));
}

void account::note_destroyed(id i) noexcept {
  const std::uint32_t before = note(i, destroyed);
  entry& e = of(i);
  const int s = e.site.load(std::memory_order_relaxed);
  if ((before & opened) == 0) return complain("destroyed long after its round", i);
  if ((before & destroyed) != 0) return complain("destroyed twice", i);
  if (here.loop_of == s) return;
  if ((before & ran) != 0) return complain("destroyed on another thread than that it ran on", i);
  const bool by_its_stopper = at(s).adopted && (here.stopping & bit_of(s)) != 0;
  if (here.submitting == i) note(i, by_submitter);
  if (here.submitting != i && here.cancelling != i && !by_its_stopper) {
    complain("destroyed, without having run, on a thread that has no business with it", i);
  }
}

void account::note_told(id i, fact told) noexcept {
  const std::uint32_t before = note(i, told);
  if ((before & told_mask & ~told) != 0) complain("different answers to the same call", i);
  // The waiter of a task that is given up is told at once, and its callable lasts as it does.
  const bool goes_on = (before & is_task) != 0 && (told == told_cancelled || told == told_stopped);
  if ((before & destroyed) == 0 && !goes_on) {
    complain("answered before its callable was destroyed", i);
  }
  const bool has_run = (before & ran) != 0;
  const bool ran_before = told == told_value || told == told_threw || told == told_broken;
  if (ran_before && !has_run) complain("answered without having run", i);
  if (told == told_value && (before & threw) != 0) complain("answered with a value, but threw", i);
  if (told == told_stopped && !at(of(i).site).stop_begun.load(std::memory_order_relaxed)) {
    complain("told bridge_stopped, although nobody stops the bridge", i);
  }
  if (told == told_stopped && has_run && (before & deferred) == 0) {
    complain("told bridge_stopped, although it has run", i);
  }
  if (told == told_broken && (before & let_go) == 0) complain("told broken, but it is not", i);
  if (told == told_cancelled && (before & (cancel_asked | cancel_won)) == 0) {
    complain("told cancelled, although nobody cancelled", i);
  }
}

void account::note_reported(id i) noexcept {
  if (i == none || i >= next_.load(std::memory_order_relaxed)) {
    return complain("a failure was reported of a call that does not exist", i);
  }
  // A task that is given up has two: why it was, and what it awaited comes to.
  const std::uint32_t before = note(i, reported);
  if ((before & reported) != 0 && (before & is_task) == 0) {
    complain("a failure was reported twice", i);
  }
}

void account::note_cancel_won(id i) noexcept {
  const std::uint32_t before = note(i, cancel_won);
  if ((before & cancel_won) != 0) complain("cancel() was true twice", i);
  if ((before & (destroyed | is_task)) == 0) {
    complain("cancelled, but its callable is not destroyed", i);
  }
  if ((before & (ran | deferred)) == ran) complain("cancelled, although it has run", i);
}

void account::note_hook_run(id i) noexcept {
  const std::uint32_t before = note(i, hook_ran);
  if ((before & hook_ran) != 0) complain("a cancel hook ran twice", i);
  if (here.loop_of != of(i).site.load(std::memory_order_relaxed)) {
    complain("a cancel hook ran on another thread than the loop's", i);
  }
}

bool account::all_have_run() const noexcept {
  const id last = std::min<id>(next_.load(std::memory_order_relaxed), static_cast<id>(most_));
  for (id i = 1; i < last; ++i) {
    const std::uint32_t f = entries_[i].facts.load(std::memory_order_relaxed);
    if ((f & accepted) == 0 || (f & (ran | cancel_won)) != 0) continue;
    const site& s = sites_[entries_[i].site.load(std::memory_order_relaxed)];
    if (!s.stop_begun.load(std::memory_order_relaxed)) return false;
  }
  return true;
}

account::loop_waits::loop_waits(account& books, int target) noexcept : books_(books) {
  if (here.loop_of < 0 || target < 0 || target == here.loop_of) return;
  began_ = books.tick();
  target_ = &books.at(target);
  target_->waiters.fetch_add(1, std::memory_order_relaxed);
}

account::loop_waits::~loop_waits() {
  if (target_ == nullptr) return;
  target_->last_wait_ended.store(books_.tick(), std::memory_order_relaxed);
  target_->waiters.fetch_sub(1, std::memory_order_relaxed);
}

bool account::loop_waits::may_be_in_a_cycle() const noexcept {
  if (target_ == nullptr) return true;  // for its own loop, or one that is not known
  const site& own = books_.at(here.loop_of);
  return own.waiters.load(std::memory_order_relaxed) != 0 ||
         own.last_wait_ended.load(std::memory_order_relaxed) > began_;
}

void account::complain(const char* what, id i) noexcept {
  const unsigned n = complaints_.fetch_add(1, std::memory_order_relaxed);
  if (n >= noted_.size()) return;
  complaint& c = noted_[n];
  c.about = i;
  if (i != none && i < most_) {
    c.facts = of(i).facts.load(std::memory_order_relaxed);
    c.submitted_by = of(i).what.load(std::memory_order_relaxed);
    c.site = of(i).site.load(std::memory_order_relaxed);
  }
  c.what.store(what, std::memory_order_release);  // pairs with the readers below
}

bool account::complained_of(const char* part) const noexcept {
  return std::any_of(noted_.begin(), noted_.end(), [&](const complaint& c) {
    const char* const what = c.what.load(std::memory_order_acquire);
    return what != nullptr && std::strstr(what, part) != nullptr;
  });
}

void account::print_complaints(std::FILE* to) const {
  static constexpr const char* kinds[] = {"post", "post_reentrant", "submit", "call", "call_for"};
  static constexpr const char* names[] = {
      "opened",         "accepted",     "refused",     "withdrawn", "ran",          "threw",
      "deferred",       "destroyed",    "resolved",    "rejected",  "cancel_won",   "cancel_asked",
      "let_go",         "hook_set",     "hook_ran",    "-",         "told_value",   "told_threw",
      "told_cancelled", "told_stopped", "told_broken", "reported",  "by_submitter", "is_task"};
  for (const complaint& c : noted_) {
    const char* const what = c.what.load(std::memory_order_acquire);
    if (what == nullptr) continue;
    std::fprintf(to, "WRONG: %s", what);
    if (c.about != none) {
      std::fprintf(to, " (%s no. %u, bridge %d:", kinds[static_cast<int>(c.submitted_by)], c.about,
                   c.site);
      for (std::uint32_t left = c.facts; left != 0; left &= left - 1) {
        std::fprintf(to, " %s", names[std::countr_zero(left)]);
      }
      std::fputs(")", to);
    }
    std::fputc('\n', to);
  }
  if (const unsigned n = complaints(); n > noted_.size()) {
    std::fprintf(to, "... %u complaints in all\n", n);
  }
}

}  // namespace soak
