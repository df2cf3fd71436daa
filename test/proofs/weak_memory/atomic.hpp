#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#include "executor.hpp"
#include "sites.hpp"

/// What stands in for std::atomic, and for plain data, on an executor's fibers.
namespace weak {

/// Who used an object last: finds uses that are not ordered after one another.
class last_use {
 public:
  void by_me() {
    if (!running()) return;
    renew();
    clocks_[self()] = ++here().clocks[self()];
  }
  /// Have all uses so far happened before now?
  bool all_before_now() {
    renew();
    if (!running()) return true;
    for (unsigned i = 0; i < view::max_fibers; ++i) {
      if (here().clocks[i] < clocks_[i]) return false;
    }
    return true;
  }

 private:
  void renew() {
    if (run_ != run_number()) *this = {};
    run_ = run_number();
  }
  std::uint64_t run_ = 0;
  std::uint32_t clocks_[view::max_fibers] = {};
};

/// Plain data: every access must be ordered against the writes.
template <class T>
class plain {
 public:
  plain(T value = T{}) : value_(value) { writes_.by_me(); }
  plain(const plain& other) : plain(static_cast<T>(other)) {}
  plain(plain&& other) noexcept : plain(static_cast<T>(other)) { other = T{}; }
  ~plain() { write("destroyed"); }
  plain& operator=(const plain& other) { return *this = static_cast<T>(other); }
  plain& operator=(T value) {
    write("written");
    value_ = value;
    return *this;
  }
  operator T() const {
    if (!alive_) fail("read after its end");
    if (!writes_.all_before_now()) fail("plain data read without having seen the write");
    reads_.by_me();
    return value_;
  }

 private:
  void write(const char* how) {
    if (!alive_) fail(std::string("plain data ") + how + " after its end");
    if (!writes_.all_before_now() || !reads_.all_before_now()) {
      fail(std::string("plain data ") + how + " while another thread may still use it");
    }
    writes_.by_me();
    if (how[0] == 'd') alive_ = false;
  }

  T value_;
  bool alive_ = true;
  mutable last_use reads_;
  mutable last_use writes_;
};

/// All that was ever written to one atomic in this run.
class location {
 public:
  /// A new one, which lasts until the next run. `by_me`: made by this thread; else before all.
  static location* make(std::uint64_t initial, bool by_me);
  void end();

  std::uint64_t load(std::memory_order order);
  void store(std::uint64_t value, std::memory_order order);
  /// Reads the newest value and writes `value` after it.
  void exchange(std::uint64_t value, std::memory_order order);
  std::uint64_t newest() const { return history_.back().value; }
  /// A compare_exchange's read: any admissible value but `expected`, or, if that is the newest,
  /// that. True: it was, and the exchange must follow.
  bool compare(std::uint64_t expected, std::uint64_t& found, std::memory_order failure);

 private:
  struct message {
    std::uint64_t value;
    view released;
  };
  void use();
  void read(std::uint32_t index, std::memory_order order);
  void append(std::uint64_t value, std::memory_order order, const view* inherited);

  std::uint32_t number_ = 0;
  std::uint32_t sc_seen_ = 0;  ///< the newest value that a seq_cst operation has read or written
  bool ended_ = false;
  raw_vector<message> history_;
  last_use making_;
  last_use uses_;
  struct {
    std::uint32_t index = 0;
    unsigned times = 0;
  } stale_[view::max_fibers];
};

/// A location behind std::atomic's interface, for what the library uses of it.
template <class T>
class atomic {
  static_assert(sizeof(T) <= sizeof(std::uint64_t) && std::is_trivially_copyable_v<T>);

 public:
  static constexpr bool is_always_lock_free = std::atomic<T>::is_always_lock_free;

  constexpr atomic(T initial = T{}) noexcept : initial_(initial) {
    if (!std::is_constant_evaluated() && running()) {
      place_ = location::make(to(initial), true);
      run_ = run_number();
    }
  }
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  ~atomic() {
    if (running() && run_ == run_number()) place_->end();
  }

  // `at` is where the library names the order: see sites.hpp.
  using place = std::source_location;

  T load(std::memory_order order = std::memory_order_seq_cst,
         std::source_location at = std::source_location::current()) const noexcept {
    return from(ready().load(asked(order, at)));
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst,
             std::source_location at = std::source_location::current()) noexcept {
    ready().store(to(value), asked(order, at));
  }
  T exchange(T value, std::memory_order order = std::memory_order_seq_cst,
             std::source_location at = std::source_location::current()) noexcept {
    return modify([&](T) { return value; }, asked(order, at));
  }
  T fetch_add(T by, std::memory_order order = std::memory_order_seq_cst,
              std::source_location at = std::source_location::current()) noexcept {
    return modify([&](T old) { return static_cast<T>(old + by); }, asked(order, at));
  }
  T fetch_sub(T by, std::memory_order order = std::memory_order_seq_cst,
              std::source_location at = std::source_location::current()) noexcept {
    return modify([&](T old) { return static_cast<T>(old - by); }, asked(order, at));
  }
  T fetch_or(T bits, std::memory_order order = std::memory_order_seq_cst,
             std::source_location at = std::source_location::current()) noexcept {
    return modify([&](T old) { return static_cast<T>(old | bits); }, asked(order, at));
  }
  T fetch_and(T bits, std::memory_order order = std::memory_order_seq_cst,
              std::source_location at = std::source_location::current()) noexcept {
    return modify([&](T old) { return static_cast<T>(old & bits); }, asked(order, at));
  }
  bool compare_exchange_strong(T& expected, T wanted, std::memory_order success,
                               std::memory_order failure,
                               std::source_location at = std::source_location::current()) noexcept {
    location& l = ready();
    std::uint64_t found = 0;
    if (l.compare(to(expected), found, asked(failure, at, true))) {
      l.exchange(to(wanted), asked(success, at));
      return true;
    }
    expected = from(found);
    return false;
  }
  bool compare_exchange_strong(T& expected, T wanted,
                               std::memory_order order = std::memory_order_seq_cst,
                               std::source_location at = std::source_location::current()) noexcept {
    const auto failure = order == std::memory_order_acq_rel   ? std::memory_order_acquire
                         : order == std::memory_order_release ? std::memory_order_relaxed
                                                              : order;
    return compare_exchange_strong(expected, wanted, order, failure, at);
  }
  bool compare_exchange_weak(T& expected, T wanted, std::memory_order success,
                             std::memory_order failure,
                             std::source_location at = std::source_location::current()) noexcept {
    return compare_exchange_strong(expected, wanted, success, failure, at);
  }
  bool compare_exchange_weak(T& expected, T wanted,
                             std::memory_order order = std::memory_order_seq_cst,
                             std::source_location at = std::source_location::current()) noexcept {
    return compare_exchange_strong(expected, wanted, order, at);
  }

  /// For the simulated kernel, which looks at memory itself.
  T newest() const noexcept { return from(ready().newest()); }

 private:
  static std::uint64_t to(T value) noexcept {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
  }
  static T from(std::uint64_t bits) noexcept {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  location& ready() const noexcept {
    if (run_ != run_number()) place_ = location::make(to(initial_), false);
    run_ = run_number();
    return *place_;
  }
  static std::memory_order asked(std::memory_order order, const place& at, bool failure = false) {
    return order_at({at.file_name(), at.line(), failure}, order);
  }
  template <class F>
  T modify(F f, std::memory_order order) noexcept {
    location& l = ready();
    step();
    const std::uint64_t old = l.newest();
    l.exchange(to(f(from(old))), order);
    return from(old);
  }

  T initial_;
  mutable location* place_ = nullptr;  // static ones get a new one in each run
  mutable std::uint64_t run_ = 0;
};

}  // namespace weak
