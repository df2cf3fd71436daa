#include <algorithm>
#include <bit>

#include "account.hpp"

// The reckoning at the end of a round: what must be true of each submission, whatever the threads
// and the loops did. It is the library's contract a second time, in other words.
namespace soak {
namespace {

constexpr bool any(std::uint32_t facts, std::uint32_t of) noexcept {
  return (facts & of) != 0;
}

enum class end { value, failure, cancelled, unknown };

/// How the call ended, as far as its facts determine it.
end end_of(std::uint32_t f, bool stop_begun) noexcept {
  if (any(f, cancel_won)) return end::cancelled;
  // Its deferred was settled, and then it went on to the end, or was stopped on the way.
  if (any(f, is_task) && any(f, resolved) && (stop_begun || any(f, withdrawn | cancel_asked))) {
    return end::unknown;
  }
  if (!any(f, ran)) return any(f, withdrawn) ? end::unknown : end::failure;
  if (!any(f, deferred)) return any(f, threw) ? end::failure : end::value;
  if (any(f, resolved)) return end::value;
  if (any(f, rejected)) return end::failure;
  // Nobody settled it: stopped, or broken; unless somebody's wish to cancel came in between.
  return any(f, withdrawn | cancel_asked) ? end::unknown : end::failure;
}

}  // namespace

void account::settle() {
  const id last = std::min<id>(next_.load(), static_cast<id>(most_));
  for (id i = 1; i < last; ++i) settle(i);
  const int sites = std::min(next_site_.load(), static_cast<int>(most_sites));
  for (int s = 0; s < sites; ++s) settle_site(s);
  for (id i = 1; i < last; ++i) of(i).facts.store(0, std::memory_order_relaxed);
  next_.store(1);
  next_site_.store(0);
}

void account::settle(id i) {
  const std::uint32_t f = of(i).facts.load(std::memory_order_relaxed);
  const kind k = of(i).what.load(std::memory_order_relaxed);
  const site& s = at(of(i).site.load(std::memory_order_relaxed));

  sums_.accepted += any(f, accepted);
  sums_.refused += any(f, refused);
  sums_.withdrawn += any(f, withdrawn);
  sums_.ran += any(f, ran);
  sums_.cancelled += any(f, cancel_won);
  sums_.reported += any(f, reported);

  if (std::popcount(f & (accepted | refused | withdrawn)) != 1) {
    return complain("a submission without a verdict", i);
  }
  if (!is_bytes(k) && !any(f, destroyed)) complain("a callable was never destroyed", i);
  if (any(f, refused)) {
    if (any(f, ran)) complain("refused, and yet it has run", i);
    if (any(f, told_mask | reported | cancel_won)) complain("refused, and yet it had an answer", i);
    return;
  }

  if (!any(f, ran | cancel_won | withdrawn)) {
    ++sums_.stopped;
    if (!s.stop_begun || (k == kind::post && !any(f, reported))) {
      complain("lost: accepted, and neither run nor refused", i);
    }
    if (s.runs_queued && !s.stopped_elsewhere) {
      complain("lost: queued when the bridge stopped, and not run, though on_stop is `run`", i);
    }
  }
  const std::uint32_t own_ends = any(f, is_task) ? f & ~cancel_won : f;
  if (std::popcount(own_ends & (resolved | rejected | cancel_won)) > 1) {
    complain("a deferred was decided twice", i);
  }

  const end e = end_of(f, s.stop_begun);
  if (e == end::value && any(f, told_mask & ~told_value))
    complain("told a failure, not the value", i);
  if (e != end::value && e != end::unknown && any(f, told_value)) complain("told a value", i);
  if (e == end::cancelled && any(f, told_mask & ~told_cancelled)) complain("not told cancelled", i);
  if (any(f, hook_ran) && (e == end::value || any(f, rejected))) {
    complain("a cancel hook ran, although the deferred was settled", i);
  }
  const bool unwanted =
      any(f, deferred) &&
      (e == end::cancelled || (e == end::failure && !any(f, rejected | let_go))) &&
      !(any(f, is_task) && any(f, resolved | rejected | let_go));
  if (any(f, hook_set) && unwanted && !any(f, hook_ran)) complain("a cancel hook never ran", i);
  // Given up as its deferred fails, a task loses that failure to the hook; the waiter is told why
  // it was given up.
  if (any(f, is_task) && any(f, rejected | let_go) &&
      (s.stop_begun || any(f, cancel_won | withdrawn))) {
    return;
  }
  settle_reports(i, f, k, e == end::failure, e != end::unknown);
}

/// Law 9: a failure that nobody was told is reported once, and nothing else is.
void account::settle_reports(id i, std::uint32_t f, kind k, bool failed, bool known) {
  const bool was_told = any(f, told_mask);
  const bool due = failed && !was_told && k != kind::call;
  if (any(f, reported) && was_told) complain("a failure was told, and reported as well", i);
  if (!known) return;
  if (any(f, reported) && !due) complain("reported, although nothing failed", i);
  if (!any(f, reported) && due) complain("a failure that nobody was told was not reported", i);
}

void account::settle_site(int number) {
  site& s = at(number);
  s.stop_begun = s.stop_ended = s.stopped_elsewhere = false;
  s.newest_began = s.last_wait_ended = 0;
}

}  // namespace soak
