// The library under the memory model of C++: see executor.hpp.
#include <cstdio>
#include <filesystem>
#include <string>

#include "calls.hpp"
#include "full.hpp"
#include "results.hpp"
#include "stop.hpp"
#include "waits.hpp"

namespace weak {

void expect_clean(std::size_t scenario) {
  [[maybe_unused]] static const bool started = (start_library(), true);
  const limits& how_far = scenarios[scenario].how_far;
  now_running(scenario);
  const report r = explore(how_far, scenarios[scenario].program);
  std::printf("explored: %6lu runs of up to %3lu choices, %s with %u deviations: %s\n", r.runs,
              r.longest, r.exhausted ? "all" : "some", how_far.deviations,
              scenarios[scenario].name);
  std::fflush(stdout);
  CHECK(r.failure == "");
}

}  // namespace weak

namespace {

/// What the executor cannot see, and why the order stays.
struct kept {
  const char* what;  ///< as weakening::name() says it
  const char* why;
};
constexpr const char* node_is_reused =
    "the loop has read the node's `next`, which is no checked data, before it is pushed again";
constexpr const char* names_of_owners =
    "orders what two owners store in name_, which is a matter of words in a message";
constexpr const char* vertex_of_another_run =
    "a vertex is made once and then used in many runs: few have one that is new to a thread, and "
    "another look at the list or at a bridge's start shows it";
constexpr const char* handle_was_held =
    "calls with a handle use publish_or_hold(); publish() is left to cancellers, who hold the "
    "handle, and to handlers' waits, whose slot is claimed again by a handler of another run";
constexpr const char* default_order =
    "acquire and release would do; seq_cst is the default, and this is not on a path of every call";
constexpr const char* walked_upon =
    "keeps what a walk along waits looks at from being freed meanwhile, or lets it see a wait "
    "twice: "
    "the executor checks what is written and read, but not what is freed";
constexpr const char* beyond_the_search =
    "must come before the look at who waits without end; the scenario of a then() that waits again "
    "shows it only with more deviations than are searched";
constexpr kept not_seen[] = {
    {"seq_cst -> acq_rel: awaits_.store(&call)", beyond_the_search},
    {"seq_cst -> acq_rel: call_.store(call)", default_order},
    {"gathering.cpp:", default_order},
    {"wait_chain.cpp:", walked_upon},
    {"seq_cst -> acq_rel: awaits_.store(nullptr)", walked_upon},
    {"seq_cst -> acq_rel: if (awaits_.load()", default_order},
    {"seq_cst -> acq_rel: if (link_.load() > settled_mark)", default_order},
    {"seq_cst -> acq_rel: if (endless_.load())", default_order},
    {"seq_cst -> acq_rel: endless_.store(false)", walked_upon},
    {"seq_cst -> acq_rel: process_mark::looked_at().waiting.fetch_sub(1)", default_order},
    {"seq_cst -> acq_rel: bool mark_has_callbacks()", default_order},
    {"seq_cst -> acq_rel: bool is_settled()", default_order},
    {"seq_cst -> acq_rel: completion_callback* last = last_", default_order},
    {"seq_cst -> acq_rel: } while (!last_", default_order},
    {"seq_cst -> acq_rel on failure: } while (!last_", default_order},
    {"release -> relaxed: in_use_.store(false", names_of_owners},
    {"acq_rel -> release: const std::uint32_t old = word_.fetch_add((done - from)",
     handle_was_held},
    {"acquire -> relaxed: for (const wait_vertex* v = all_vertices", vertex_of_another_run},
    {"release -> relaxed: if (own != nullptr) own->in_use_.store", names_of_owners},
    {"acquire -> relaxed: if (!v->in_use_.compare_exchange_strong", names_of_owners},
    {"release -> relaxed: v->in_use_.store(false", names_of_owners},
    {"acq_rel -> release: } while (!word_.compare_exchange_weak(word, (word | queued_mark)",
     node_is_reused},
    {"acq_rel -> acquire: (word_.fetch_and(marks_kept", node_is_reused},
    {"seq_cst -> acq_rel: return state_.compare_exchange_strong(free, 1",
     "success needs acquire only, but compilers warn of a failure's order that is stronger"},
};

const char* why_kept(const weak::weakening& w) {
  for (const kept& k : not_seen) {
    if (w.name().find(k.what) != std::string::npos) return k.why;
  }
  return nullptr;
}

/// The scenario that fails, and how; empty: none of them does.
std::string caught_by(const weak::weakening& w) {
  weak::weaken(&w);
  std::string caught;
  // Shortly first: mostly some scenario sees it at once, though not the first one tried.
  for (const bool shortly : {true, false}) {
    for (const std::size_t scenario : w.scenarios) {
      const weak::scenario& s = weak::scenarios[scenario];
      weak::limits how_far = s.how_far;
      if (shortly) how_far = {.deviations = 1, .max_runs = 300, .random_runs = 300};
      const weak::report r = weak::explore(how_far, s.program);
      if (r.failure.empty()) continue;
      caught = std::string(s.name) + ": " + r.failure;
      break;
    }
    if (!caught.empty()) break;
  }
  weak::weaken(nullptr);
  return caught;
}

}  // namespace

// After the scenarios, which note the orders that they come by.
TEST_CASE("each memory order is needed: with a weaker one some scenario fails") {
  for (const weak::weakening& w : weak::all_weakenings()) {
    if (const char* const why = why_kept(w); why != nullptr) {
      std::printf("kept:     %s\n          %s\n", w.name().c_str(), why);
      continue;
    }
    const std::string caught = caught_by(w);
    std::printf("weakened: %s\n          %s\n", w.name().c_str(),
                caught.empty() ? "NOT SEEN" : caught.c_str());
    std::fflush(stdout);
    CHECK_MESSAGE(!caught.empty(), w.name());
  }
}

TEST_CASE("each place that names a memory order is come by") {
  namespace fs = std::filesystem;
  const fs::path source(weak::source_root);
  for (const auto& folder : {source / "src", source / "include"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = entry.path().filename();
      // Not part of this executable: tested on real threads.
      const bool elsewhere =
          name == "blocks.cpp" || name == "slab.hpp" || name == "process_mark.cpp" ||
          name == "doorbell_uv_async.cpp" ||
          name == "counters.hpp";  // statistics: they order nothing, and nothing depends on them
      if (!entry.is_regular_file() || elsewhere) continue;
      for (const std::string& place : weak::unvisited(entry.path())) {
        // An order that is passed on is come by where it is used.
        const bool passed_on = place.find("give_turn_back(") != std::string::npos;
        const bool for_the_compiler = place.find("atomic_signal_fence") != std::string::npos;
        if (!passed_on && !for_the_compiler) CHECK(place == "");
      }
    }
  }
}
