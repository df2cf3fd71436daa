#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/call/wrong_use.hpp"
#include "loopbridge/detail/sync/deadline.hpp"
#include "loopbridge/detail/sync/inbox.hpp"
#include "loopbridge/detail/sync/process_mark.hpp"
#include "loopbridge/detail/sync/slot_pool.hpp"
#include "loopbridge/errors.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge {
namespace detail {

struct queue_access;

struct queue_node {
  queue_node* next = nullptr;
};

/// What a queue does whatever it holds: the list, the chain that was taken off it, and the sleep of
/// the getters that wait.
///
/// Home of `word_`, which getters sleep on: odd while one sleeps or is about to.
///
///   getter   makes it the next odd number, looks at the list once more, sleeps
///   putter   has pushed; finds it odd: adds 2 and wakes all sleepers; only then, if it is still
///            the number that it left, makes it even
///
/// A push and the look at the word, the new number and the last look at the list: as four seq_cst
/// operations they have one order. So every push after a getter's last look sees that this getter
/// sleeps. The word is even only when a wake-up is over that came after the last getter's number.
/// Another putter, perhaps the frame that this one interrupts, may be between its push and its
/// wake-up: then this putter finds the word odd, and wakes all sleepers itself. (Numbers come again
/// after 2^31 sleeps.)
class queue_base {
 public:
  queue_base(const queue_base&) = delete;
  queue_base& operator=(const queue_base&) = delete;

  void close() noexcept {
    if (!process_.is_this_process()) return;
    list_.close();
    wake();
  }
  bool closed() const noexcept { return list_.closed(); }

 protected:
  queue_base() = default;
  ~queue_base() = default;

  bool is_this_process() const noexcept { return process_.is_this_process(); }
  /// Any thread, any handler. If it is not `accepted` the operation is the caller's.
  status push(queue_node& n) noexcept {
    if (!process_.is_this_process()) return status::wrong_process;
    if (!list_.push(n)) return status::queue_closed;
    wake();
    return status::accepted;
  }

  /// The oldest; null: the time was up. Throws queue_closed, wrong_process. Ordinary threads.
  queue_node* take(deadline until);
  /// Makes `n`, which take() gave, the oldest again.
  void put_back(queue_node& n) noexcept;
  /// The oldest of what is left, for a destructor; null: nothing is.
  queue_node* take_at_end() noexcept;

  [[noreturn]] static void throw_refused(status s);

 private:
  friend struct queue_access;

  queue_node* look();
  queue_node* pop() noexcept;
  std::uint32_t arm() noexcept;
  void wake() noexcept;

  const process_mark process_;
  submission_list<queue_node> list_;
  alignas(64) std::atomic<std::uint32_t> word_{0};
  std::mutex mutex_;               ///< the getters', for a few instructions, signals blocked
  basic_batch<queue_node> taken_;  ///< off the list, and nobody's yet; under the mutex
};

}  // namespace detail

/// A first-in-first-out queue that may be filled from a signal handler, at any instruction. It
/// needs no loop.
///
/// Any number of threads put, and any number get. Each item is got once.
///
/// Thread   put_reentrant, close, closed: anywhere; in handlers and finalizers, inside another of
///          these functions, or inside malloc. put, try_put, get, get_for, try_get: any ordinary
///          thread. A get or get_for on a loop thread would stop the loop: use try_get there.
/// Order    What one thread puts, its handlers included, comes out in the order in which it was
///          put. If one put happens before another one on another thread, its item comes out
///          first.
/// Items    The getter destroys an item, after moving it out. The putter destroys an item that is
///          refused. The queue's destructor destroys what is left.
/// After the end   Destroy a queue only after every member call has returned. In a forked child
///          every function refuses, and the parent's items are left alone.
///
/// A handler that has put may wait, by means of its own, for what a getter on another thread does
/// about it. No put and no get that the handler has interrupted is in that getter's way.
template <class T>
class reentrant_queue : private detail::queue_base {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::is_move_constructible_v<T>,
                "a queue holds values that can be moved out of it");
  static constexpr bool takes_bytes =
      std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;

 public:
  /// Makes a queue with `reentrant_slots` slots, rounded up to 64. As many items of put_reentrant
  /// may be queued at once, because a handler cannot allocate.
  /// Throws   std::bad_alloc; std::system_error if the process cannot be told from its children
  explicit reentrant_queue(std::size_t reentrant_slots = 256)
      : slots_(takes_bytes ? reentrant_slots : 0) {}

  /// Destroys what is left, oldest first.
  ~reentrant_queue() {
    if (!is_this_process()) return;
    while (detail::queue_node* const n = take_at_end()) destroy(static_cast<item&>(*n));
  }

  /// Puts an item that is made of `value`, in a block of memory that is recycled.
  /// Thread   any ordinary thread
  /// Throws   `queue_closed`, `wrong_process`, std::bad_alloc, and what making the item throws
  template <class U = T>
  void put(U&& value) {
    if (const status s = push_in_block(std::forward<U>(value)); s != status::accepted) {
      throw_refused(s);
    }
  }

  /// Puts an item that is made of `value`, and does not throw: `accepted`, `queue_closed`,
  /// `exhausted` (no memory) or `wrong_process`. Making the item must not throw.
  /// Thread   any ordinary thread
  template <class U = T>
  status try_put(U&& value) noexcept {
    static_assert(std::is_nothrow_constructible_v<T, U&&>,
                  "try_put cannot report what making the item throws: use put");
    try {
      return push_in_block(std::forward<U>(value));
    } catch (...) {
      return status::exhausted;
    }
  }

  /// Puts a copy of `value`: `accepted`, `queue_closed`, `exhausted` (every slot holds an item that
  /// nobody has got yet) or `wrong_process`. Takes no lock, allocates nothing, and keeps errno. The
  /// item is copied as bytes: it must be trivially copyable, and should be small.
  /// Thread   anywhere, at any instruction
  status put_reentrant(const T& value) noexcept {
    static_assert(
        takes_bytes,
        "put_reentrant copies bytes: the items must be trivially copyable; put a pointer");
    if (!is_this_process()) return status::wrong_process;
    item* const slot = slots_.claim();
    if (slot == nullptr) return closed() ? status::queue_closed : status::exhausted;
    ::new (std::addressof(slot->value)) T(value);
    const status s = push(*slot);
    if (s != status::accepted) slots_.release(*slot);
    return s;
  }

  /// Gets the oldest item. If moving the item throws, the item is the oldest again.
  /// Thread   any ordinary thread
  /// Blocks   until there is an item, or the queue is closed
  /// Throws   `queue_closed` when the queue is closed and empty, `wrong_process`, and what moving
  ///          the item throws
  T get() { return held_item(*this, detail::no_deadline).template move_to<T>(); }

  /// Gets the oldest item; empty if none came within `timeout`. If moving the item throws, the item
  /// is the oldest again.
  /// Thread   any ordinary thread
  /// Blocks   until there is an item, the queue is closed, or the time is up
  /// Throws   `queue_closed` when the queue is closed and empty, `wrong_process`, and what moving
  ///          the item throws
  template <class Rep, class Period>
  std::optional<T> get_for(std::chrono::duration<Rep, Period> timeout) {
    return get_until(detail::deadline_after(timeout));
  }

  void get_for(detail::no_duration) {}  // wrong, and says so

  /// Gets the oldest item, if there is one now; else empty. If moving the item throws, the item is
  /// the oldest again.
  /// Thread   any ordinary thread
  /// Throws   `queue_closed` when the queue is closed and empty, `wrong_process`, and what moving
  ///          the item throws
  std::optional<T> try_get() { return get_until(detail::deadline{}); }

  /// Closes the queue: nothing can be put any more. What is queued can still be got. When it is all
  /// gone, getters throw `queue_closed`, also those that wait already. Keeps errno. May be called
  /// again.
  /// Thread   anywhere, at any instruction
  void close() noexcept { queue_base::close(); }
  /// Has close() been called?
  /// Thread   anywhere, at any instruction
  bool closed() const noexcept { return queue_base::closed(); }

 private:
  friend struct detail::queue_access;

  /// In a slot, or in a block of its own. The value is there while the item is queued.
  struct item : detail::queue_node {
    item() noexcept {}  // NOLINT: the value is made later
    template <class U>
    item(std::in_place_t, U&& from) : is_in_block(true), value(std::forward<U>(from)) {}
    ~item() {}  // NOLINT: destroy() knows whether there is a value

    const bool is_in_block = false;
    union {
      T value;
    };
  };

  /// An item off the queue, or none.
  class held_item {
   public:
    held_item(reentrant_queue& q, detail::deadline until)
        : queue_(q), item_(static_cast<item*>(q.take(until))) {}
    held_item(const held_item&) = delete;
    held_item& operator=(const held_item&) = delete;
    ~held_item() {
      if (item_ != nullptr) queue_.destroy(*item_);
    }

    explicit operator bool() const noexcept { return item_ != nullptr; }
    template <class To>
    To move_to() {
      try {
        return To(std::move(item_->value));
      } catch (...) {
        queue_.put_back(*std::exchange(item_, nullptr));
        throw;
      }
    }

   private:
    reentrant_queue& queue_;
    item* item_;
  };

  std::optional<T> get_until(detail::deadline until) {
    held_item got(*this, until);
    if (!got) return std::nullopt;
    return got.template move_to<std::optional<T>>();
  }

  template <class U>
  status push_in_block(U&& value) {
    // Looked at first, so that a value is moved from in vain only if the queue closes just now.
    if (!is_this_process()) return status::wrong_process;
    if (closed()) return status::queue_closed;
    item* const made = detail::make_in_block<item>(nullptr, std::in_place, std::forward<U>(value));
    const status s = push(*made);
    if (s != status::accepted) destroy(*made);
    return s;
  }

  void destroy(item& i) noexcept {
    i.value.~T();
    if (i.is_in_block) {
      detail::destroy_in_block(&i, nullptr);
    } else {
      slots_.release(i);
    }
  }

  detail::slot_pool<item> slots_;
};

}  // namespace loopbridge
