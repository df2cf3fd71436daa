#include "stage.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "learn.hpp"
#include "operations.hpp"

namespace soak {

using namespace std::chrono_literals;

stage::stage(account& books, tally& counts, choices& c, faults* broken) : world_(books, counts) {
  install_handler();
  world_.broken = broken;
  const std::uint32_t stations = 1 + c.below(3);
  for (std::uint32_t n = 0; n < stations; ++n) {
    const station_plan p = station_plan::chosen_by(c);
    const int site = books.open_site(p.adopted, !p.refuses_queued);
    if (p.leaf) world_.leaves |= std::uint64_t{1} << site;
    world_.stations.push_back(std::make_unique<station>(world_, p, site));
  }
  for (std::uint32_t n = 0; n < 2 * stations; ++n) {
    world_.prepaids.push_back(std::make_unique<prepaid>(world_, *world_.stations[n % stations], n));
  }
}

stage::~stage() {
  stop_helping();
}

void stage::await_quiet() {
  hush_.store(true);
  {
    const doing that("waiting for what was accepted to run");
    const auto all_served = [&] {
      return world_.books.all_have_run() &&
             std::all_of(world_.prepaids.begin(), world_.prepaids.end(),
                         [](const auto& p) { return p->all_served(); });
    };
    // Asked again and again, for nobody tells; and asleep meanwhile, to leave the CPUs to those who
    // are waited for. How long it may take, the watch knows.
    while (!all_served()) std::this_thread::sleep_for(50us);
  }
  hush_.store(false);
}

void stage::end_bridges(choices& c) {
  for (const auto& s : world_.stations) s->end(c);
}

void stage::settle() {
  look_at_the_rest();
  if (world_.broken != nullptr) world_.broken->release();  // if nobody waited for it
  for (const auto& p : world_.prepaids) p->settle();
  {
    const doing that("waiting for the loops' threads to end");
    while (world_.loops_alive.load(std::memory_order_acquire) != 0)
      std::this_thread::sleep_for(50us);
  }
  {
    const doing that("waiting for the bridges' memory to come back");
    while (world_.memory.in_use() != 0) std::this_thread::sleep_for(50us);
  }
  world_.books.settle();
  if (world_.broken != nullptr) world_.broken->held.reset();
}

/// Every bridge has ended: every handle has its answer, and nothing can be resolved any more.
void stage::look_at_the_rest() {
  while (const auto left = world_.handles.take(0)) {
    const kept& k = **left;
    if (!k.handle.ready()) world_.books.complain("its bridge has ended, and yet no answer", k.of);
    if (k.of % 2 == 0) learn(world_, k.of, -1, [&] { return k.handle.get_for(0s); });
  }
  while (auto left = world_.pledges.take(0)) {
    const id of = left->of;
    soak::settle(world_, std::move(*left), of % 8);
  }
}

void stage::list(pthread_t actor) {
  const std::lock_guard lock(listing_);
  listed_.push_back(actor);
}

void stage::unlist(pthread_t actor) {
  const std::lock_guard lock(listing_);
  std::erase_if(listed_, [&](pthread_t t) { return pthread_equal(t, actor) != 0; });
}

void stage::start_helping(std::uint64_t seed, bool signals) {
  helper_ = std::thread([this, seed, signals]() noexcept { help(seed, signals); });
}

void stage::stop_helping() {
  enough_.store(true);
  if (helper_.joinable()) helper_.join();
}

/// Settles what lies about, so that whoever waits for a deferred waits in vain only if the library
/// lets him; and interrupts the actors.
void stage::help(std::uint64_t seed, bool signals) noexcept {
  const under_watch watched;
  random_choices<std::mt19937_64> c(seed);
  while (!enough_.load()) {
    // At random moments, from the seed: neither so often that all is settled before anybody waits,
    // nor so seldom that nothing else happens. What comes of it holds for any pace.
    std::this_thread::sleep_for(std::chrono::microseconds(50 + c.below(200)));
    for (int n = 0; n < 8; ++n) settle_pledge(world_, c);
    if (!signals || hush_.load()) continue;
    const std::lock_guard lock(listing_);
    if (!listed_.empty()) {
      pthread_kill(listed_[c.below(static_cast<std::uint32_t>(listed_.size()))], SIGUSR1);
    }
  }
}

acting::acting(stage& s, std::uint64_t seed)
    : stage_(s), handler_{&s.in(), std::minstd_rand(static_cast<unsigned>(seed | 1))} {
  handling = &handler_;
  stage_.list(pthread_self());
}

acting::~acting() {
  const quiet no_signals;  // else the lister might wait for us, in our own handler
  stage_.unlist(pthread_self());
  handling = nullptr;
}

void acting::leave_bridges() noexcept {
  const quiet no_signals;
  handler_.bridges_usable = false;
}

}  // namespace soak
