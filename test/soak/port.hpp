#pragma once

#include <chrono>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <source_location>
#include <thread>
#include <utility>

#include "job.hpp"

/// The soak's way to a bridge. It adds nothing, unless the account is to be tested: then it breaks
/// the library's promises, one at a time.
namespace soak::port {

/// Runs a job a few milliseconds late: others overtake it. (Slept through on the loop, by turns: so
/// others are posted meanwhile, and run between two hops.)
template <class Job>
struct put_off {
  std::shared_ptr<Job> job;
  loopbridge::bridge* via;
  int hops;
  void operator()(loopbridge::loop_ref loop) {
    if (hops == 0) return (*job)(loop);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    via->post(put_off{std::move(job), via, hops - 1});
  }
};

template <class Job>
void post_broken(faults& f, loopbridge::bridge& b, Job& j, std::source_location where) {
  using breakage = faults::breakage;
  if (!f.due(f.what)) return b.post(std::move(j), where);
  ++f.done;
  if (f.what == breakage::drop_post) {
    const Job dropped(std::move(j));
    return;
  }
  if (f.what == breakage::run_twice) {
    return b.post([j = std::move(j)](loopbridge::loop_ref l) mutable { j(l), j(l); }, where);
  }
  auto job = std::make_shared<Job>(std::move(j));
  if (f.what == breakage::lose_post) {
    f.held = job;
  } else if (f.what == breakage::overtake) {
    b.post(put_off<Job>{std::move(job), &b, 20}, where);
  } else if (f.what == breakage::wrong_thread) {
    std::thread([&]() noexcept {
      try {
        (*job)(loopbridge::loop_ref(nullptr));
      } catch (...) {
      }
    }).join();
  } else {
    b.post([job](loopbridge::loop_ref loop) { (*job)(loop); }, where);
    throw loopbridge::bridge_stopped("refused by the test");
  }
}

template <class Job>
void post(world& w, loopbridge::bridge& b, Job&& j, std::source_location where) {
  if (w.broken != nullptr && w.broken->what <= faults::breakage::refuse_late) {
    return post_broken(*w.broken, b, j, where);
  }
  b.post(std::forward<Job>(j), where);
}

template <class Job>
loopbridge::eventual<answer> submit(world& w, loopbridge::bridge& b, Job&& j,
                                    std::source_location where) {
  using breakage = faults::breakage;
  if (faults* const f = w.broken; f != nullptr && f->due(breakage::withhold_answer)) {
    ++f->done;
    const auto kept = std::make_shared<loopbridge::completer<answer>>();
    {
      const std::lock_guard lock(f->mutex);
      f->undo = [kept] { kept->reject(loopbridge::bridge_stopped("released by the test")); };
    }
    b.post([job = std::move(j)](loopbridge::loop_ref loop) mutable { (void)job(loop); }, where);
    return b.submit([kept] { return kept->get_deferred(); }, where);
  }
  return b.submit(std::forward<Job>(j), where);
}

template <class Job>
answer call(world& w, loopbridge::bridge& b, Job&& j, std::source_location where) {
  using breakage = faults::breakage;
  if (faults* const f = w.broken; f != nullptr) {
    if (f->due(breakage::late_destruction)) {
      ++f->done;
      const auto job = std::make_shared<Job>(std::move(j));
      f->held = job;
      return b.call([job](loopbridge::loop_ref loop) { return (*job)(loop); }, where);
    }
    if (f->due(breakage::wrong_answer)) {
      ++f->done;
      answer a = b.call(std::forward<Job>(j), where);
      ++a.of;
      return a;
    }
  }
  return b.call(std::forward<Job>(j), where);
}

}  // namespace soak::port
