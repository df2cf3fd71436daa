#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace loopbridge::detail {

/// Distinguishes a process from its children, by one load: any thread, any handler, no system call.
///
/// The number lives in a page that the kernel wipes in the child (MADV_WIPEONFORK), so a fork by
/// any means is seen, also one that skips pthread_atfork's handlers; where the kernel does not, or
/// only says so, a pthread_atfork handler wipes it. A bridge keeps the number it started under.
///
/// Home of the number: set by one CAS, by the thread that marks the process first, and by the
/// wiping; within one process it never changes once it is set. Marking takes no lock, so that a
/// fork while another thread marks leaves the child whole.
class process_mark {
 public:
  /// Marks the process if it is not marked yet. Ordinary threads. Throws std::system_error.
  process_mark();

  bool is_this_process() const noexcept {
    // Relaxed: orders nothing.
    return page_->number.load(std::memory_order_relaxed) == number_;
  }

  /// The parking lot of `address`: the number that a waiter for a change there sleeps on, see
  /// futex_wait(). Other addresses may share it. After some mark was made.
  ///
  /// Home of the lots: 0 in a child that has no mark. Before the number is set, each lot gets a
  /// value of the process, an odd one that its ancestors have not begun with. Then wakers add 2, so
  /// it never becomes 0 again.
  static std::atomic<std::uint32_t>& parking_lot(const void* address) noexcept;
  /// That lot's number, from 0, and a lot by its number.
  static std::size_t number_of(const std::atomic<std::uint32_t>& lot) noexcept;
  static std::atomic<std::uint32_t>& lot_at(std::size_t number) noexcept;

  /// Of this process, for wait_chain: threads that run loops and wait without a deadline, and
  /// threads that look at such waits. After some mark was made.
  struct lookers {
    std::atomic<std::uint32_t> waiting{0};
    std::atomic<std::uint32_t> looking{0};
  };
  static lookers& looked_at() noexcept;

 private:
  struct wiped_page {
    std::atomic<std::uint64_t> number{0};
    lookers of_waits;
    std::array<std::atomic<std::uint32_t>, 512> lots{};
  };
  static wiped_page* make_page();
  static void note_fork() noexcept;
  static void wipe_in_child() noexcept;

  static std::atomic<wiped_page*> the_page_;

  const wiped_page* page_;
  std::uint64_t number_;
};

}  // namespace loopbridge::detail
