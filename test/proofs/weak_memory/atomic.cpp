#include "atomic.hpp"

#include <algorithm>
#include <deque>

namespace weak {
namespace {

bool acquires(std::memory_order o) {
  return o == std::memory_order_acquire || o == std::memory_order_acq_rel ||
         o == std::memory_order_seq_cst || o == std::memory_order_consume;
}
bool releases(std::memory_order o) {
  return o == std::memory_order_release || o == std::memory_order_acq_rel ||
         o == std::memory_order_seq_cst;
}

/// Old values that a thread may read in a row: stores become visible at some time.
constexpr unsigned patience = 2;

std::deque<location> locations;
std::uint64_t locations_of_run = 0;

}  // namespace

location* location::make(std::uint64_t initial, bool by_me) {
  if (locations_of_run != run_number()) locations.clear();
  locations_of_run = run_number();
  location& made = locations.emplace_back();
  made.number_ = static_cast<std::uint32_t>(locations.size() - 1);
  made.history_.push_back({initial, {}});
  if (by_me) made.making_.by_me();
  return &made;
}

void location::use() {
  if (ended_) fail("an atomic is used after its end");
  if (!making_.all_before_now()) fail("an atomic is used by a thread that has not seen its making");
  uses_.by_me();
}

void location::end() {
  if (ended_) fail("an atomic is destroyed twice");
  if (!uses_.all_before_now()) fail("an atomic is destroyed while another thread may still use it");
  ended_ = true;
}

void location::read(std::uint32_t index, std::memory_order order) {
  const message& m = history_[index];
  if (acquires(order)) here().join(m.released);
  std::uint32_t& seen = here().at(number_);
  seen = std::max(seen, index);
  if (order == std::memory_order_seq_cst) sc_seen_ = std::max(sc_seen_, index);
}

void location::append(std::uint64_t value, std::memory_order order, const view* inherited) {
  const auto index = static_cast<std::uint32_t>(history_.size());
  here().at(number_) = index;
  view released;
  if (inherited != nullptr) released = *inherited;  // a release sequence goes on
  if (releases(order)) released.join(here());
  released.at(number_) = index;
  history_.push_back({value, std::move(released)});
  if (order == std::memory_order_seq_cst) sc_seen_ = index;
}

std::uint64_t location::load(std::memory_order order) {
  step();
  use();
  const auto newest = static_cast<std::uint32_t>(history_.size() - 1);
  std::uint32_t oldest = here().at(number_);
  // The order of all seq_cst operations is the order in which they are run here.
  if (order == std::memory_order_seq_cst) oldest = std::max(oldest, sc_seen_);
  auto& stale = stale_[self()];
  if (stale.times == patience) oldest = std::max(oldest, stale.index + 1);
  const std::uint32_t index = newest - choose(newest >= oldest ? newest - oldest + 1 : 1);
  stale.times = index == newest ? 0 : (index == stale.index ? stale.times + 1 : 1);
  stale.index = index;
  read(index, order);
  return history_[index].value;
}

void location::store(std::uint64_t value, std::memory_order order) {
  step();
  use();
  append(value, order, nullptr);
}

// No step(): the caller made it, so that reading and writing are one.
void location::exchange(std::uint64_t value, std::memory_order order) {
  use();
  const auto newest = static_cast<std::uint32_t>(history_.size() - 1);
  read(newest, order);
  const view inherited = history_[newest].released;
  append(value, order, &inherited);
}

bool location::compare(std::uint64_t expected, std::uint64_t& found, std::memory_order failure) {
  step();
  use();
  const auto newest = static_cast<std::uint32_t>(history_.size() - 1);
  std::uint32_t oldest = here().at(number_);
  if (failure == std::memory_order_seq_cst) oldest = std::max(oldest, sc_seen_);
  raw_vector<std::uint32_t> unequal;
  for (std::uint32_t i = newest + 1; i-- > oldest;) {
    if (history_[i].value != expected) unequal.push_back(i);
  }
  const bool equal = history_[newest].value == expected;
  const auto options = static_cast<unsigned>(unequal.size()) + (equal ? 1 : 0);
  const unsigned chosen = choose(options);
  if (equal && chosen == 0) return true;
  const std::uint32_t index = unequal[chosen - (equal ? 1 : 0)];
  read(index, failure);
  found = history_[index].value;
  return false;
}

}  // namespace weak
