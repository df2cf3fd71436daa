#include "loopbridge/bridge_group.hpp"

#include <uv.h>

#include <cstdint>
#include <exception>
#include <string>

#include "loopbridge/errors.hpp"
#include "outstanding.hpp"

namespace loopbridge {

struct bridge_group::member {
  explicit member(options opts)
      : loop(std::move(opts)), load(detail::outstanding::of(loop.core())) {}

  bridge loop;
  detail::outstanding::pointer load;
};

bridge_group::bridge_group(std::size_t loops, options each, choice by) : by_(by) {
  if (loops == 0) loops = uv_available_parallelism();
  members_.reserve(loops);
  const std::string name = each.name;
  for (std::size_t n = 0; n < loops; ++n) {
    each.name = name + '-' + std::to_string(n);
    members_.emplace_back(each);
  }
}

bridge_group::~bridge_group() {
  stop_reentrant();
}

std::size_t bridge_group::size() const noexcept {
  return members_.size();
}

bridge& bridge_group::operator[](std::size_t n) noexcept {
  return members_[n].loop;
}

bridge& bridge_group::next() noexcept {
  return members_[turn_++ % members_.size()].loop;
}

bridge& bridge_group::least_queued() noexcept {
  // Each looks from another one on, so that equals share: several threads may be looking at once.
  const std::size_t first = turn_++ % members_.size();
  member* chosen = nullptr;
  std::uint64_t least = 0;
  for (std::size_t n = 0; n < members_.size(); ++n) {
    member& m = members_[(first + n) % members_.size()];
    const std::uint64_t load = m.load->estimate();
    if (chosen != nullptr && load >= least) continue;
    chosen = &m;
    least = load;
    if (least == 0) break;
  }
  chosen->load->hand_out();
  return chosen->loop;
}

bridge& bridge_group::of_hash(std::size_t hash) noexcept {
  // std::hash of a number is the number: what keys have in common (all even, say) must not keep
  // them from some of the loops. The finalizer of splitmix64.
  std::uint64_t h = hash;
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return members_[(h ^ (h >> 31)) % members_.size()].loop;
}

bridge& bridge_group::choose() noexcept {
  return by_ == choice::least_queued ? least_queued() : next();
}

bridge& bridge_group::choose_to_wait(place where) {
  if (on_loop_thread()) {
    throw would_deadlock(
        "loopbridge: a loop of a bridge_group must not wait for its own group: it might be its own "
        "turn, or the other loop's to wait for it" +
        detail::submitted_at(where) + "; use submit() or post()");
  }
  return choose();
}

void bridge_group::stop() {
  stop_reentrant();
  if (on_loop_thread()) return;
  std::exception_ptr first;
  for (member& m : members_) {
    try {
      m.loop.stop();
    } catch (...) {
      if (first == nullptr) first = std::current_exception();
    }
  }
  if (first != nullptr) std::rethrow_exception(first);
}

void bridge_group::stop_reentrant() noexcept {
  for (member& m : members_) m.loop.stop_reentrant();
}

bool bridge_group::stopped() const noexcept {
  for (const member& m : members_) {
    if (!m.loop.stopped()) return false;
  }
  return true;
}

bool bridge_group::on_loop_thread() const noexcept {
  for (const member& m : members_) {
    if (m.loop.on_loop_thread()) return true;
  }
  return false;
}

}  // namespace loopbridge
