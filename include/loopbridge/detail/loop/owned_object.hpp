#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

#include "loopbridge/detail/call/operation.hpp"
#include "loopbridge/detail/loop/loop_core.hpp"

namespace loopbridge::detail {

/// An object of the program's that lives on the loop, without its type: see loopbridge::owned. The
/// first part of the block that the object is in.
///
/// It is the operation that destroys the object, too: so the owner's destructor needs no memory.
/// Its code is the library's own, for that operation may be in the list when the library that the
/// owner was in has been unloaded.
///
/// Home of `holds_`: two, of the object, which goes where that is destroyed, on the loop; and of
/// the owner, which passes its own to the list. The last one to let go frees the block, after all
/// that the other did: default orders, as nothing here is in a hurry.
class owned_object final : public internal_operation {
 public:
  /// In `block`, of `size` bytes of the core's memory. `destroy` is to end what is at `object`.
  owned_object(loop_core& core, void* block, std::size_t size, void* object,
               void (*destroy)(void* object), std::source_location where) noexcept
      : core_(core),
        block_(block),
        size_(size),
        object_(object),
        destroy_(destroy),
        where_(where) {}

  loop_core& core() const noexcept { return *core_; }
  void* object() const noexcept { return object_; }

  /// Loop thread: the object is there from now on.
  void is_made() noexcept { core_->register_owned(*this); }
  /// It was never made: frees the block. The only holder.
  void was_not_made() noexcept { free_block(); }

  /// By the owner, for good. Anywhere, at any instruction: neither memory nor a lock is taken.
  void let_go() noexcept;

  /// Loop thread: the object lasts from the first to the second.
  void begin_use() noexcept { ++uses_; }
  void end_use() noexcept {
    if (--uses_ == 0 && is_over_) destroy_object();
  }
  /// Loop thread: destroys the object, once nobody uses it. By the bridge's end, and by the list.
  void end_object() noexcept;

  /// Frees what let_go() could not. Any ordinary thread.
  static void free_parked() noexcept;

  // The stop_register's.
  owned_object* previous = nullptr;
  owned_object* following = nullptr;
  batch functions;

 private:
  void go(loop_core& core) noexcept override;
  void end(loop_core& core) noexcept override;

  void destroy_object() noexcept;
  /// True: it was the last hold.
  bool let_go_of_hold() noexcept { return holds_.fetch_sub(1) == 1; }
  void free_block() noexcept;

  core_ptr core_;
  void* const block_;
  const std::size_t size_;
  void* const object_;
  void (*const destroy_)(void*);
  const std::source_location where_;
  std::atomic<std::uint32_t> holds_{2};
  std::uint32_t uses_ = 0;  ///< loop thread, as the next
  bool is_over_ = false;
};

}  // namespace loopbridge::detail
