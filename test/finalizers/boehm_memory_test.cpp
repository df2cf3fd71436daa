// What the Boehm collector sees of queued calls. It knows its own memory, the threads' stacks and
// static data, and nothing that malloc gave: what only a call leads to is collected, unless the
// call lives in memory that the collector searches (options::memory).
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "boehm.hpp"
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("what the Boehm collector sees of calls");

namespace {

constexpr int objects = 100;
constexpr int magic = 0x600d600d;

struct object {
  int content;
  object* self;
  char ballast[48];
};

struct counts {
  std::atomic<int> collected{0};  // by whichever thread finalizes
  std::atomic<int> intact{0};
  std::atomic<bool> may_look{true};

  object* make() {
    auto* const made = static_cast<object*>(GC_MALLOC(sizeof(object)));
    *made = {magic, made, {}};
    GC_REGISTER_FINALIZER_NO_ORDER(
        made, [](void*, void* c) { ++static_cast<counts*>(c)->collected; }, this, nullptr, nullptr);
    return made;
  }
  void look_at(const object* o) {
    if (may_look && o->content == magic && o->self == o) ++intact;
  }
};

/// Everything that keeps the objects of one kind of call, and how to have them looked at.
struct holders {
  std::vector<loopbridge::eventual<void>> answers;
  std::vector<loopbridge::eventual<object*>> results;
  std::vector<loopbridge::completer<object*>> completers;
  std::vector<loopbridge::deferred<object*>> deferreds;
  std::vector<loopbridge::reentrant_call> calls;
};

/// One way to have a call lead to an object.
struct kind {
  std::string name;
  /// On a thread of its own, whose stack is gone afterwards; the loop is held if `held` says so.
  std::function<void(loopbridge::bridge&, counts&, holders&, std::pmr::memory_resource*)> submit;
  bool held = true;
  /// With the loop running, after the collection.
  std::function<void(loopbridge::bridge&, counts&, holders&)> look = {};
};

// Lambdas with pointers only: what they lead to is what they hold.
const kind kinds[] = {
    {"post",
     [](auto& b, counts& c, holders&, auto*) { b.post([&c, o = c.make()] { c.look_at(o); }); }},
    {"try_post",
     [](auto& b, counts& c, holders&, auto*) {
       CHECK(b.try_post([&c, o = c.make()] { c.look_at(o); }) == loopbridge::status::accepted);
     }},
    {"submit", [](auto& b, counts& c, holders& h,
                  auto*) { h.answers.push_back(b.submit([&c, o = c.make()] { c.look_at(o); })); }},
    {"post_reentrant",
     [](auto& b, counts& c, holders&, auto*) {
       struct both {
         counts* c;
         object* o;
       };
       CHECK(b.post_reentrant([](both v) { v.c->look_at(v.o); }, both{&c, c.make()}) ==
             loopbridge::status::accepted);
     }},
    {"reentrant_call",
     [](auto& b, counts& c, holders& h, auto*) {
       h.calls.emplace_back(b, [&c, o = c.make()] { c.look_at(o); });
     },
     true,
     [](auto&, counts&, holders& h) {
       for (auto& call : h.calls) CHECK(call.post() == loopbridge::status::accepted);
     }},
    {"the result of a call",
     [](auto& b, counts& c, holders& h, auto*) {
       h.results.push_back(b.submit([&c] { return c.make(); }));
     },
     false,
     [](auto&, counts& c, holders& h) {
       for (auto& r : h.results) c.look_at(r.get());
     }},
    {"the value of a deferred that was resolved early",
     [](auto&, counts& c, holders& h, auto* memory) {
       h.completers.emplace_back(memory);
       h.deferreds.push_back(h.completers.back().get_deferred());
       CHECK(h.completers.back().resolve(c.make()));
     },
     true,
     [](auto& b, counts& c, holders& h) {
       for (auto& d : h.deferreds) c.look_at(b.call([&d] { return std::move(d); }));
     }},
    {"the cancel hook of a deferred",
     [](auto& b, counts& c, holders& h, auto* memory) {
       h.completers.emplace_back(memory);
       auto& done = h.completers.back();
       h.results.push_back(b.submit([&] {
         done.on_cancel([&c, o = c.make()] { c.look_at(o); });
         return done.get_deferred();
       }));
       support::catch_up(b);
     },
     false,
     [](auto&, counts&, holders& h) {
       for (auto& r : h.results) CHECK(r.cancel());
     }},
};

struct outcome {
  int collected;  ///< while only calls led to them
  int intact;     ///< when the calls ran, or were read, later
};

outcome collect_during(const kind& k, bool with_hook) {
  static boehm::searched_memory searched;
  auto& c = *new counts;  // finalizers may come late
  loopbridge::options opts = boehm::with_registered_loop();
  if (with_hook) opts.memory = &searched;
  loopbridge::bridge b(opts);
  holders h;
  std::optional<support::held_loop> held;
  if (k.held) held.emplace(b);
  std::thread([&]() noexcept {
    const boehm::registered_thread here;
    for (int i = 0; i < objects; ++i) k.submit(b, c, h, opts.memory);
  }).join();
  if (!k.held) support::catch_up(b);
  for (int i = 0; i < 3; ++i) {
    GC_gcollect();
    GC_invoke_finalizers();
  }
  const int collected = c.collected;
  c.may_look = collected == 0;  // else it would be at memory that is somebody else's by now
  held.reset();
  if (k.look) k.look(b, c, h);
  support::catch_up(b);
  return {collected, c.intact};
}

}  // namespace

TEST_CASE("with options::memory 100 of 100 captured objects survive, in calls of every kind") {
  const support::watchdog dog;
  boehm::start();
  for (const kind& k : kinds) {
    INFO(k.name);
    const outcome o = collect_during(k, true);
    CHECK(o.collected == 0);
    CHECK(o.intact == objects);
  }
}

TEST_CASE("negative control: without it they are collected while their calls are queued") {
  const support::watchdog dog;
  boehm::start();
  for (const kind& k : kinds) {
    INFO(k.name);
    // Of an object here and there something on a stack may look like its address.
    CHECK(collect_during(k, false).collected >= objects * 9 / 10);
  }
}

TEST_CASE("what a free slot held is collected: the slots for handlers keep nothing alive") {
  const support::watchdog dog;
  boehm::start();
  boehm::searched_memory searched;
  auto& c = *new counts;
  loopbridge::options opts = boehm::with_registered_loop();
  opts.memory = &searched;
  loopbridge::bridge b(opts);
  {
    const support::held_loop held(b);
    std::thread([&]() noexcept {
      const boehm::registered_thread here;
      for (int i = 0; i < objects; ++i) {
        CHECK(b.post_reentrant([](object*) {}, c.make()) == loopbridge::status::accepted);
      }
    }).join();
  }
  support::catch_up(b);
  CHECK(boehm::collect_until([&] { return c.collected >= objects * 9 / 10; }));
}
