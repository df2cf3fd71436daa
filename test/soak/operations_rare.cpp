#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "job.hpp"
#include "operations.hpp"
#include "support/in_child.hpp"

namespace soak {
namespace {

using loopbridge::bridge;
using loopbridge::status;

/// In the child: 0 if every door is shut and a bridge of its own opens. Touches none of the soak's
/// mutexes, which threads may hold that do not exist here.
int in_the_child(world& w, bridge& parents) {
  const auto nothing = []() noexcept {};
  if (parents.post_reentrant(nothing) != status::wrong_process) return 1;
  if (!w.prepaids.empty() && w.prepaids.front()->call->post() != status::wrong_process) return 2;
  if (support::has_asan) return 0;  // its allocator's locks may be held by such threads as well
  if (parents.try_post(nothing) != status::wrong_process) return 3;
  try {
    parents.post(nothing);
    return 4;
  } catch (const loopbridge::wrong_process&) {
  }
  bridge own;
  if (own.call([] { return 1; }) != 1) return 5;
  return 0;
}

}  // namespace

void stop_station(world& w, station& s) {
  count(w.counts.stop);
  site& books = w.books.at(s.site());
  const bool on_its_loop = here.loop_of == s.site();
  books.stop_begun.store(true, std::memory_order_relaxed);
  if (s.plan().adopted && !on_its_loop) {
    books.stopped_elsewhere.store(true, std::memory_order_relaxed);
    here.stopping |= std::uint64_t{1} << s.site();
  }
  const account::loop_waits waiting(w.books, s.site());
  try {
    const doing that("stop");
    s.bridge().stop();
    if (!s.plan().adopted && !on_its_loop) books.stop_ended.store(true, std::memory_order_relaxed);
  } catch (const loopbridge::would_deadlock&) {
    w.check_deadlock(s.site(), waiting, none);
  }
  here.stopping &= ~(std::uint64_t{1} << s.site());
}

/// A bridge of one's own for a few calls: threads come and go, and with them all that is recycled.
void live_briefly(world& w, choices& c) {
  const int site = w.books.open_site(false, true);
  if (site < 0) return;
  count(w.counts.brief);
  w.brief_leaves.fetch_or(std::uint64_t{1} << site);
  station_plan p;
  p.leaf = true;
  const std::uint32_t how = c.below(8);
  p.async_doorbell = how % 4 == 3;
  p.never_spins = how >= 4;
  const doing that("a brief bridge");
  station s(w, p, site);
  for (std::uint32_t n = c.below(4); n > 0; --n) {
    switch (c.below(4)) {
      case 0:
        call_job(w, s, c);
        break;
      case 1:
        call_job_for(w, s, c);
        break;
      case 2:
        submit_job(w, s, c);
        break;
      default:
        post_job(w, s, c);
    }
  }
  s.end(c);
}

void fork_child(world& w, station& s) {
  if (!w.may_fork || here.loop_of >= 0) return;
  count(w.counts.fork);
  const doing that("fork");
  const quiet no_signals;
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    int code = 99;
    try {
      code = in_the_child(w, s.bridge());
    } catch (...) {
    }
    _exit(code);
  }
  if (child < 0) return;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  std::fprintf(stderr, "the child ended with status 0x%x\n", static_cast<unsigned>(status));
  w.books.complain("a forked child found something wrong");
}

}  // namespace soak
