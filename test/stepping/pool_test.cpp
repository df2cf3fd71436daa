// The pool behind the handlers' calls: a claim or release, interrupted at every instruction by
// handlers that claim and release, one and two levels deep. No slot has two owners, none is lost.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <functional>
#include <loopbridge/detail/sync/slot_pool.hpp>
#include <string>
#include <utility>

#include "stepping/support/sweep.hpp"

TEST_SUITE_BEGIN("stepping: pool");

using namespace stepping;

namespace {

struct slot {
  int owners = 0;
};

/// A pool of 64 slots, a given number of them free, and an account of who owns which.
class account {
 public:
  explicit account(unsigned free_slots) : free_(free_slots) {
    for (unsigned i = free_slots; i < taken_.size(); ++i) taken_[i] = pool_.claim();
  }

  slot* claim() {
    slot* const s = pool_.claim();
    if (s != nullptr && ++s->owners > 1) ++doubled;
    return s;
  }
  void release(slot* s) {
    if (s == nullptr) return;
    --s->owners;
    pool_.release(*s);
  }

  /// When the operation is over: does the pool give out what it ought to, and no more?
  void check(unsigned kept) {
    std::array<slot*, 64> out{};
    unsigned n = 0;
    while (n < out.size() && (out[n] = claim()) != nullptr) ++n;
    if (n + kept < free_) ++lost;
    if (n + kept > free_) ++doubled;
    for (unsigned i = 0; i < n; ++i) release(out[i]);
  }

  unsigned lost = 0;
  unsigned doubled = 0;

 private:
  const unsigned free_;
  loopbridge::detail::slot_pool<slot> pool_{64};
  std::array<slot*, 64> taken_{};
};

/// What a handler does, keeping what it keeps until the operation is over.
using pattern = slot* (*)(account& a);

slot* claims_and_releases(account& a) {
  a.release(a.claim());
  return nullptr;
}
slot* keeps_one(account& a) {
  return a.claim();
}
/// As in ABA: the first one that was claimed is the first one that is free again.
slot* keeps_the_second(account& a) {
  slot* const first = a.claim();
  slot* const second = a.claim();
  a.release(first);
  return second;
}
slot* takes_all_for_a_while(account& a) {
  std::array<slot*, 64> all{};
  unsigned n = 0;
  while (n < all.size() && (all[n] = a.claim()) != nullptr) ++n;
  while (n > 0) a.release(all[--n]);
  return nullptr;
}

struct named {
  const char* name;
  pattern run;
};
constexpr named patterns[] = {{"claims and releases", claims_and_releases},
                              {"keeps one", keeps_one},
                              {"keeps the second of two", keeps_the_second},
                              {"takes all for a while", takes_all_for_a_while}};

/// One claim and release, and what its handlers keep meanwhile.
class operation {
 public:
  operation(account& a, unsigned free_slots) : account_(a), free_(free_slots) {}

  /// Not inlined, because the way that is noted is one through this copy of the code. A claim may
  /// only fail if the handlers have left nothing.
  [[gnu::noinline]] void operator()() {
    slot* const own = account_.claim();
    if (own == nullptr && free_ > kept()) ++account_.lost;
    account_.release(own);
  }
  /// By the handler of that level.
  void keep(unsigned level, slot* s) { kept_[level] = s; }
  void check() {
    account_.check(kept());
    for (slot*& s : kept_) account_.release(std::exchange(s, nullptr));
    account_.check(0);
  }

 private:
  unsigned kept() const { return (kept_[0] != nullptr ? 1 : 0) + (kept_[1] != nullptr ? 1 : 0); }

  account& account_;
  const unsigned free_;
  std::array<slot*, 2> kept_{};
};

const std::function<bool()> never = [] { return false; };

void sweep(unsigned free_slots, const named& first) {
  report r;
  account a(free_slots);
  operation o(a, free_slots);
  const auto visit = [&](const boundary& at) {
    const bool visited = interrupt_at(at, o, [&] { o.keep(0, first.run(a)); });
    o.check();
    if (visited) ++r.points;
    return visited;
  };
  for_each_boundary(r, path_of(o), {}, visit, never);
  r.lost = a.lost;
  r.doubled = a.doubled;
  print_and_check("pool, " + std::to_string(free_slots) + " free, handler " + first.name, r);
}

void sweep_pairs(unsigned free_slots, const named& first, const named& second) {
  report r;
  account a(free_slots);
  operation o(a, free_slots);
  const auto handle = [&]() __attribute__((noinline)) { o.keep(0, first.run(a)); };
  const path inner_way = path_of(handle);
  o.check();
  const auto visit_pair = [&](const boundary& at, const boundary& inner) {
    bool both = false;
    const auto twice = [&] {
      both = interrupt_at(inner, handle, [&] { o.keep(1, second.run(a)); });
    };
    (void)interrupt_at(at, o, twice);
    o.check();
    if (both) ++r.points;
    return both;
  };
  const auto visit = [&](const boundary& at) {
    const unsigned before = r.points;
    for_each_boundary(
        r, inner_way, {.all_up_to = 1, .first = 0, .rest = 15, .offset = r.points},
        [&](const boundary& inner) { return visit_pair(at, inner); }, never);
    return r.points != before;
  };
  for_each_boundary(r, path_of(o), {}, visit, never);
  r.lost = a.lost;
  r.doubled = a.doubled;
  print_and_check(
      "pool, " + std::to_string(free_slots) + " free, handler " + first.name + " < " + second.name,
      r);
}

}  // namespace

TEST_CASE("no slot has two owners, and none is lost, wherever a claim or release is interrupted" *
          doctest::skip(!available)) {
  for (const unsigned free_slots : {64U, 3U, 2U, 1U}) {
    for (const named& p : patterns) sweep(free_slots, p);
  }
}

TEST_CASE("the same with a handler inside the handler" * doctest::skip(!available)) {
  for (const named& p : {patterns[1], patterns[2]}) {
    for (const named& q : patterns) sweep_pairs(3, p, q);
  }
}

TEST_CASE("negative control: a list of free slots gives one to two owners" *
          doctest::skip(!available)) {
  // What everybody writes first: pop the head of a list by compare-and-swap. A handler inside the
  // pop takes two and puts the first one back, and the swap then links the second, which is owned.
  struct item {
    std::atomic<item*> next{nullptr};
    int owners = 0;
  };
  struct free_list {
    std::atomic<item*> head{nullptr};
    item* pop() {
      item* first = head.load();
      while (first != nullptr && !head.compare_exchange_weak(first, first->next.load())) {
      }
      if (first != nullptr) ++first->owners;
      return first;
    }
    void push(item* i) {
      --i->owners;
      item* first = head.load();
      do {
        i->next.store(first);
      } while (!head.compare_exchange_weak(first, i));
    }
  };
  report r;
  const auto visit = [&](const boundary& at, path* way) {
    std::array<item, 8> items;
    free_list list;
    for (item& i : items) i.owners = 1;
    for (item& i : items) list.push(&i);
    const auto pops = [&] { (void)list.pop(); };
    if (way != nullptr) *way = path_of(pops);
    const bool visited = way == nullptr && interrupt_at(at, pops, [&] {
                           item* const first = list.pop();
                           (void)list.pop();
                           list.push(first);
                         });
    while (list.pop() != nullptr && r.doubled == 0) {
      for (const item& i : items) r.doubled += i.owners > 1 ? 1 : 0;
    }
    if (visited) ++r.points;
    return visited;
  };
  path way;
  visit({}, &way);
  for_each_boundary(
      r, way, {}, [&](const boundary& at) { return visit(at, nullptr); },
      [&] { return r.doubled > 0; });
  print("control: a list of free slots", r);
  CHECK(r.doubled > 0);
}
