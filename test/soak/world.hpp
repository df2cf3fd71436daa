#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "account.hpp"
#include "choices.hpp"
#include "faults.hpp"
#include "support/numbered_locations.hpp"

namespace soak {

class station;
struct prepaid;

/// Counts over the whole run. Relaxed: they order nothing.
struct tally {
  std::atomic<std::uint64_t> post{0}, submit{0}, call{0}, call_for{0}, bare{0}, fire{0}, wait{0},
      look{0}, cancel{0}, settle{0}, raise{0}, brief{0}, stop{0}, fork{0}, nested{0};
  std::atomic<std::uint64_t> signals{0}, waited_in_handler{0}, exhausted{0}, deadlocks{0},
      timeouts{0}, bridges{0}, adopted{0}, never_spin{0};
};
inline void count(std::atomic<std::uint64_t>& n) noexcept {
  n.fetch_add(1, std::memory_order_relaxed);
}

/// What a call answers with. Plain: if the answer raced with its making, the sanitizers would see.
struct answer {
  id of;
  std::uint32_t proof;

  static constexpr std::uint32_t proof_of(id i) noexcept { return i * 2654435761u ^ 0x50a4u; }
};

/// A handle that any actor may look at, several at once; the one that lets go last drops it.
struct kept {
  loopbridge::eventual<answer> handle;
  id of;
};
/// A deferred that waits for somebody to settle it.
struct pledge {
  loopbridge::completer<answer> completer;
  id of;
};

/// Keeps the soak's own signal out. Its mutexes need it: a handler that waits for a loop which
/// waits for the mutex that the interrupted thread holds would wait for its deadline only.
class quiet {
 public:
  quiet() noexcept {
    sigset_t signal;
    sigemptyset(&signal);
    sigaddset(&signal, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signal, &before_);
  }
  ~quiet() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  quiet(const quiet&) = delete;
  quiet& operator=(const quiet&) = delete;

 private:
  sigset_t before_;
};

/// Where actors leave things for each other.
template <class T>
class board {
 public:
  void put(T thing) {
    const quiet no_signals;
    const std::lock_guard lock(mutex_);
    things_.push_back(std::move(thing));
  }
  std::optional<T> take(std::uint32_t which) {
    const quiet no_signals;
    const std::lock_guard lock(mutex_);
    if (things_.empty()) return std::nullopt;
    std::swap(things_[which % things_.size()], things_.back());
    std::optional<T> taken(std::move(things_.back()));
    things_.pop_back();
    return taken;
  }

 private:
  std::mutex mutex_;
  std::vector<T> things_;
};

/// The memory that some bridges are given: counts what is in use.
class counted_memory final : public std::pmr::memory_resource {
 public:
  long in_use() const { return in_use_.load(std::memory_order_acquire); }

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    in_use_.fetch_add(1, std::memory_order_relaxed);
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(block, size, alignment);
    in_use_.fetch_sub(1, std::memory_order_release);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
  std::atomic<long> in_use_{0};
};

/// All that the actors of one round share.
struct world {
  world(account& a, tally& t);
  ~world();

  station& pick(choices& c) {
    return *stations[c.below(static_cast<std::uint32_t>(stations.size()))];
  }
  bool is_leaf(int site) const noexcept;
  /// A would_deadlock was thrown by a wait for `target`: may that be?
  void check_deadlock(int target, const account::loop_waits& by, id i);
  /// For options::on_unhandled_error.
  void on_unhandled(const loopbridge::unhandled_error& e) noexcept;

  account& books;
  tally& counts;
  faults* broken = nullptr;  ///< only in the tests of the account itself
  bool may_fork = false;

  counted_memory memory;
  std::vector<std::unique_ptr<station>> stations;
  std::vector<std::unique_ptr<prepaid>> prepaids;
  board<std::shared_ptr<const kept>> handles;
  board<pledge> pledges;
  std::uint64_t leaves = 0;  ///< the sites whose loops wait for nobody; brief ones are among them
  std::atomic<std::uint64_t> brief_leaves{0};
  std::atomic<int> loops_alive{0};
};

/// The locations that are passed: by the calls' numbers, and the prepaid calls'.
extern const support::numbered_locations booked;
extern const support::numbered_locations booked_prepaid;

}  // namespace soak
