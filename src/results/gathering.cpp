#include "loopbridge/detail/results/gathering.hpp"

#include <new>

namespace loopbridge::detail {

round_ptr round::make(loop_core& core, std::size_t parts, ends how) {
  void* const block = allocate_block(sizeof(round) + parts * sizeof(slot), nullptr);
  return round_ptr(::new (block) round(core, parts, how));
}

round::round(loop_core& core, std::size_t parts, ends how) noexcept
    : core_(core), size_(parts), ends_(how) {}

void round::add(call_base& part) noexcept {
  slot* const s = ::new (slot_array() + added_++) slot;
  s->of = this;
  s->part = &part;
}

call_base& round::decided_part() noexcept {
  return *slot_array()[decided_].part;
}

bool round::is_over() noexcept {
  std::size_t done = 0;
  for (std::size_t n = 0; n < size_; ++n) {
    const call_base& part = *slot_array()[n].part;
    if (!part.is_ready()) continue;
    decided_ = n;
    if (ends_ == ends::one || !part.has_value()) return true;
    ++done;
  }
  return done == size_;
}

bool round::begin(round_waiter& of) noexcept {
  if (is_over()) return true;
  of_ = &of;
  if (size_ == 1) of.awaits(*slot_array()[0].part);
  left_.store(size_);
  // A part may end meanwhile, and notify this: by way of the list, so this is there until later.
  add_ref(static_cast<std::uint32_t>(size_));
  for (std::size_t n = 0; n < size_; ++n) slot_array()[n].part->on_completion(slot_array()[n]);
  return false;
}

bool round::begin_again(call_base& part, round_waiter& of) noexcept {
  slot_array()[0].part = &part;
  over_.store(false);
  return begin(of);
}

void round::let_go() noexcept {
  of_ = nullptr;
  release_ref();
}

void round::destroy() noexcept {
  const std::size_t bytes = sizeof(round) + size_ * sizeof(slot);
  this->~round();
  release_block(this, bytes, nullptr);
}

void round::slot::notify() noexcept {
  of->on_done(*this);
}

void round::on_done(const slot& s) noexcept {
  const bool decides = ends_ == ends::one || !s.part->has_value();
  const bool is_last = left_.fetch_sub(1) == 1;
  if ((decides || is_last) && !over_.exchange(true)) {
    decided_ = static_cast<std::size_t>(&s - slot_array());
    // The slot's hold is the list's from here. Refused: the bridge stops, and ends what waits.
    if (submit_holder(*core_, *this) == status::accepted) return;
  }
  release_ref();
}

void round::end(loop_core&) noexcept {
  release_ref();
}

void round::go(loop_core&) noexcept {
  if (of_ != nullptr) of_->go_on();
  release_ref();
}

void round_waiter::let_go() noexcept {
  answer_.awaits_no_more();
  round_.reset();
}

void gathering_base::go_on() noexcept {
  answer_.awaits_no_more();
  next what = when_over();
  for (; what.part != nullptr; what = when_over()) {
    if (!round_->begin_again(*what.part, *this)) return;
  }
  if (!what.settled) return;
  answer_.forget_cancel_hook();
  answer_.add_ref();
  answer_.deliver();  // the last: with the answer the waiter may unload the program's library
  answer_.release_ref();
}

}  // namespace loopbridge::detail
