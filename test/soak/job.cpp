#include "job.hpp"

#include <uv.h>

#include <chrono>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/uv/delay.hpp>
#include <thread>

#include "operations.hpp"

namespace soak {
namespace {

/// How deep this thread is in callables; more than a few would be one endless family.
constinit thread_local unsigned depth = 0;

struct deeper {
  deeper() { ++depth; }
  ~deeper() { --depth; }
};

}  // namespace

plan make_plan(choices& c) {
  plan p{};
  if (depth >= 2) return p;
  p[0] = static_cast<std::uint8_t>(c.below(32));
  if (p[0] < 16) return p;  // it does nothing, and needs no more choices
  for (std::size_t i = 1; i < p.size(); ++i) p[i] = static_cast<std::uint8_t>(c.below(256));
  return p;
}

void work(world& w, id of, plan p, loopbridge::loop_ref loop) {
  const deeper one;
  byte_choices c(std::span<const std::uint8_t>(p).subspan(1));
  switch (p[0]) {
    case 16:
      w.books.note(of, threw);
      throw job_failed(of);
    case 17:
      w.books.note(of, threw);
      throw job_failed_barely{of};
    case 18:
      w.books.note(of, threw);
      throw of;
    case 19:
      // Takes its time: others queue behind it, and deadlines run out while it runs. Nothing waits
      // for this to have passed, so that no check depends on how long it is.
      std::this_thread::sleep_for(std::chrono::microseconds(c.below(200)));
      return;
    case 20:
      if (depth >= 3 || loop.get() == nullptr) return;
      count(w.counts.nested);
      uv_run(loop, UV_RUN_NOWAIT);
      return;
    default:
      if (p[0] >= 26) perform(w, c);
  }
}

loopbridge::deferred<answer> defer(world& w, id of, plan p) {
  loopbridge::completer<answer> done;
  auto promised = done.get_deferred();
  if ((p[1] & 1) != 0) {
    w.books.note(of, hook_set);
    done.on_cancel([&w, of] { w.books.note_hook_run(of); });
  }
  w.books.note(of, deferred);
  pledge made{std::move(done), of};
  switch (p[2] % 8) {
    case 0:
      settle(w, std::move(made), p[3]);  // before the library knows which call it answers
      break;
    case 1: {
      // A released completer comes back, as it does through a C callback.
      void* const data = made.completer.release();
      w.pledges.put({loopbridge::completer<answer>::from(data), of});
      break;
    }
    default:
      w.pledges.put(std::move(made));
  }
  return promised;
}

loopbridge::task<answer> await_deferred(const ticket& t, plan p) {
  t.in().books.note(t.of(), is_task);
  const answer a = co_await defer(t.in(), t.of(), p);
  if (a.of != t.of()) t.in().books.complain("a task was given another one's answer", t.of());
  if (p[4] % 4 == 0) co_await loopbridge::delay(std::chrono::milliseconds(0));
  co_return a;
}

}  // namespace soak
