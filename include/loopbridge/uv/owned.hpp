#pragma once

#include <chrono>
#include <cstddef>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/bridge.hpp"
#include "loopbridge/bridge_ref.hpp"
#include "loopbridge/detail/call/blocks.hpp"
#include "loopbridge/detail/loop/owned_object.hpp"

namespace loopbridge {
namespace detail {

/// An H in a block of its own, with what its owner and the loop need for it.
template <class H>
struct owned_block {
  owned_block(loop_core& core, std::source_location where) noexcept
      : object(
            core, in_block<owned_block>::block_of(this), in_block<owned_block>::size, place,
            [](void* h) { static_cast<H*>(h)->~H(); }, where) {}

  H& get() noexcept { return *std::launder(reinterpret_cast<H*>(place)); }

  owned_object object;
  alignas(H) std::byte place[sizeof(H)];
};

/// While it stands an object is in use. Loop thread, once begun.
class owned_use {
 public:
  owned_use() noexcept = default;
  owned_use(owned_use&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ~owned_use() {
    if (object_ != nullptr) object_->end_use();
  }
  void begin(owned_object& object) noexcept {
    object_ = &object;
    object.begin_use();
  }

 private:
  owned_object* object_ = nullptr;
};

/// The callable of a call on an H. The object is there when it runs, since the owner's end is in
/// the list behind it. It is in use until this is destroyed: with a task, when that has ended.
template <class H, class F>
class owned_call {
  static constexpr bool takes_loop = std::is_invocable_v<F, H&, loop_ref>;
  static_assert(takes_loop || std::is_invocable_v<F, H&>,
                "a call on an owned<H> takes H&, or H& and a loop_ref: other arguments are put "
                "into a lambda");

 public:
  template <class G>
  owned_call(owned_block<H>& of, G&& f) noexcept(std::is_nothrow_constructible_v<F, G>)
      : of_(&of), f_(std::forward<G>(f)) {}

  decltype(auto) operator()([[maybe_unused]] loop_ref loop) {
    use_.begin(of_->object);
    if constexpr (takes_loop) {
      return detail::invoke(std::move(f_), of_->get(), loop);
    } else {
      return detail::invoke(std::move(f_), of_->get());
    }
  }

 private:
  owned_block<H>* of_;
  owned_use use_;  ///< ends when the function is gone
  F f_;
};

}  // namespace detail

/// An object that is made, used and ended on a loop, while its owner may live in any thread: a
/// client of hiredis, libpq or curl, with its watchers and timers.
///
///   loopbridge::owned c(bridge, [&](loopbridge::loop_ref loop) { return client(loop, host); });
///   int n = c.call_for(500ms, [](client& it) { return it.ask(); });
///
/// A call's function takes H&, or H& and a loop_ref. It may be a pointer to one of H's functions,
/// and may return a deferred<T> or a task<T>. H lasts while the function runs, and a task that it
/// returns. Otherwise the functions are those of a bridge.
///
/// Thread   post, try_post, submit, try_submit: any ordinary thread, the loop's too.
///          call, call_for: any ordinary thread but the loop's.
///          All may run at the same time. Move or destroy the owner only after every member call
///          has returned, or in a call's function.
/// Throws   what the bridge's functions throw: `bridge_stopped` once the bridge stops, for H ends
///          with it; `wrong_process`; `no_state` if the owner was moved from
/// Order    among all calls of the bridge
/// After the end   The owner's destructor never throws, waits or allocates, and takes no lock. So
/// it
///          may run in any thread, in a handler, in a finalizer inside malloc, in static
///          destruction, when the bridge is gone, and in a forked child, where it leaves the
///          parent's object alone. (With options::memory it may free a block of that.)
///
/// H is destroyed once, on the loop's thread: when the calls that were submitted before the owner's
/// destructor have run. At the latest it is destroyed when the bridge stops, the object that was
/// made last first, in one order with the functions given to bridge::at_stop(): so its destructor
/// can close its handles, and the bridge finds none of them open. H lasts longer than that where a
/// task that uses it does. It is not destroyed where another thread stops an adopted loop that
/// never turns again.
template <class H>
class owned {
  static_assert(std::is_object_v<H> && !std::is_const_v<H>, "owned<H> is for an object, H");
  template <class F>
  using call_of = detail::owned_call<H, std::decay_t<F>>;
  template <class F>
  using result_of = call_result_t<call_of<F>>;

 public:
  /// Has `make()`, or `make(loop_ref)`, make the H on the loop. What it returns is the H itself,
  /// and need not be movable.
  ///
  /// Thread   any ordinary thread. On the loop's own the H is made at once; elsewhere as by call().
  /// Blocks   until it is made
  /// Throws   what `make` throws; `bridge_stopped`, `wrong_process`, `would_deadlock` (as call()),
  ///          std::bad_alloc
  template <class Make>
  owned(const bridge& b, Make make, std::source_location where = std::source_location::current())
      : owned(detail::bridge_access::core(b), make, where) {}
  /// The same for code that has no bridge: what an object on the loop makes for others.
  template <class Make>
  owned(const bridge_ref& b, Make make,
        std::source_location where = std::source_location::current())
      : owned(detail::bridge_access::core(b), make, where) {}

  owned(owned&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  owned& operator=(owned&& other) noexcept {
    owned ended(std::move(*this));
    block_ = std::exchange(other.block_, nullptr);
    return *this;
  }
  ~owned() {
    if (block_ != nullptr) block_->object.let_go();
  }

  /// False: it was moved from.
  explicit operator bool() const noexcept { return block_ != nullptr; }

  // Each as the bridge's function of that name.

  template <class F>
  void post(F&& f, std::source_location where = std::source_location::current()) {
    detail::loop_core& to = core();
    detail::post_to(to, where, bound(std::forward<F>(f)));
  }
  template <class F>
  status try_post(F&& f, std::source_location where = std::source_location::current()) noexcept {
    if (block_ == nullptr) return status::bridge_stopped;
    return detail::try_post_to(core(), where, bound(std::forward<F>(f)));
  }
  template <class F>
  eventual<result_of<F>> submit(F&& f,
                                std::source_location where = std::source_location::current()) {
    detail::loop_core& to = core();
    return detail::submit_to(to, {}, where, bound(std::forward<F>(f)));
  }
  template <class F>
  submission<result_of<F>> try_submit(
      F&& f, std::source_location where = std::source_location::current()) noexcept {
    if (block_ == nullptr) return {status::bridge_stopped, where};
    return detail::try_submit_to(core(), where, bound(std::forward<F>(f)));
  }
  template <class F>
  result_of<F> call(F&& f, std::source_location where = std::source_location::current()) {
    const detail::core_ptr held(core());  // f may destroy the owner
    return detail::call_on(*held, where, bound(std::forward<F>(f)));
  }
  template <class Rep, class Period, class F>
  result_of<F> call_for(std::chrono::duration<Rep, Period> timeout, F&& f,
                        std::source_location where = std::source_location::current()) {
    const detail::core_ptr held(core());
    return detail::call_on_until(*held,
                                 detail::submit_options::within(detail::in_nanoseconds(timeout)),
                                 where, bound(std::forward<F>(f)));
  }
  template <class... More>
  void call_for(detail::no_duration, More&&...) {}  // wrong, and says so

 private:
  template <class Make>
  owned(detail::loop_core& core, Make& make, std::source_location where) {
    using result = typename detail::bound_call<Make>::result_type;
    static_assert(std::is_same_v<result, H> || std::is_constructible_v<H, result>,
                  "the function makes the H: it returns one");
    detail::owned_object::free_parked();
    block_ = detail::make_in_block<detail::owned_block<H>>(core.memory(), core, where);
    const auto on_loop = [this, &make](loop_ref loop) {
      ::new (block_->place) H(detail::invoke_with_loop(std::move(make), loop));
      block_->object.is_made();
    };
    try {
      if (core.is_this_process() && core.on_loop_thread()) {
        if (core.is_closed()) detail::throw_error(status::bridge_stopped, where);
        on_loop(core.loop());
      } else {
        detail::call_on(core, where, on_loop);
      }
    } catch (...) {
      if (core.is_this_process()) block_->object.was_not_made();  // a child keeps its hands off
      throw;
    }
  }

  detail::loop_core& core() const {
    if (block_ == nullptr) detail::throw_no_state("this owned is empty: it was moved from");
    return block_->object.core();
  }
  template <class F>
  call_of<F> bound(F&& f) noexcept(std::is_nothrow_constructible_v<std::decay_t<F>, F>) {
    return call_of<F>(*block_, std::forward<F>(f));
  }

  detail::owned_block<H>* block_;
};

template <class Make>
owned(const bridge&, Make, std::source_location = {})
    -> owned<typename detail::bound_call<Make>::result_type>;
template <class Make>
owned(const bridge_ref&, Make, std::source_location = {})
    -> owned<typename detail::bound_call<Make>::result_type>;

}  // namespace loopbridge
