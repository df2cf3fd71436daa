#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <loopbridge/coroutines/task.hpp>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "world.hpp"

namespace soak {

/// What a callable will do on the loop, decided by whoever submits it: the bytes of its choices.
using plan = std::array<std::uint8_t, 6>;
plan make_plan(choices& c);

/// Held by a callable: tells the account what becomes of it.
class ticket {
 public:
  ticket(world& w, id i) noexcept : world_(&w), of_(i) {}
  ticket(ticket&& other) noexcept : world_(std::exchange(other.world_, nullptr)), of_(other.of_) {}
  ticket& operator=(ticket&&) = delete;
  ~ticket() {
    if (world_ != nullptr) world_->books.note_destroyed(of_);
  }
  void note_run() noexcept { world_->books.note_run(of_); }
  world& in() const noexcept { return *world_; }
  id of() const noexcept { return of_; }

 private:
  world* world_;
  id of_;
};

/// The three ways in which a callable fails; each carries its number.
struct job_failed : std::runtime_error {
  explicit job_failed(id i) : std::runtime_error("a job that fails"), of(i) {}
  id of;
};
struct job_failed_barely {
  id of;
};

/// Does what `p` says, on the loop; may throw one of the above, or an id.
void work(world& w, id of, plan p, loopbridge::loop_ref loop);
/// Makes the deferred that answers `of`, and sees to its being settled.
loopbridge::deferred<answer> defer(world& w, id of, plan p);

/// The same in a task, which uses what the callable has captured to its end.
loopbridge::task<answer> await_deferred(const ticket& t, plan p);

/// A callable that answers with a Result (void, answer, deferred<answer> or task<answer>), of a
/// size that takes it to another place in the library: within a small block, a large one, or no
/// block at all.
template <class Result, std::size_t Padding>
class job {
 public:
  job(world& w, id i, plan p) noexcept : ticket_(w, i), plan_(p) {
    padding_.front() = padding_.back() = mark();
  }
  job(job&&) noexcept = default;

  Result operator()(loopbridge::loop_ref loop) {
    ticket_.note_run();
    world& w = ticket_.in();
    if (padding_.front() != mark() || padding_.back() != mark()) {
      w.books.complain("a callable was changed on its way", ticket_.of());
    }
    work(w, ticket_.of(), plan_, loop);
    if constexpr (std::is_same_v<Result, answer>) {
      return {ticket_.of(), answer::proof_of(ticket_.of())};
    } else if constexpr (std::is_same_v<Result, loopbridge::task<answer>>) {
      return await_deferred(ticket_, plan_);
    } else if constexpr (!std::is_void_v<Result>) {
      return defer(w, ticket_.of(), plan_);
    }
  }

 private:
  std::uint8_t mark() const noexcept { return static_cast<std::uint8_t>(ticket_.of() * 7 + 1); }

  ticket ticket_;
  plan plan_;
  std::array<std::uint8_t, Padding> padding_{};
};

/// Makes a job of a size that `c` chooses and hands it to `act`.
template <class Result, class Act>
decltype(auto) with_job(world& w, choices& c, id i, Act&& act) {
  const plan p = make_plan(c);
  const std::uint32_t size = c.below(16);
  if (size == 15) return act(job<Result, 9000>(w, i, p));
  if (size >= 12) return act(job<Result, 600>(w, i, p));
  return act(job<Result, 2>(w, i, p));
}

/// On the stack of whoever submits `i`: says that he may destroy its callable.
class submitting {
 public:
  explicit submitting(id i) noexcept : before_(std::exchange(here.submitting, i)) {}
  ~submitting() { here.submitting = before_; }
  submitting(const submitting&) = delete;
  submitting& operator=(const submitting&) = delete;

 private:
  const id before_;
};

}  // namespace soak
