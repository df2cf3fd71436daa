#include "loopbridge/results/stash.hpp"

#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "loopbridge/errors.hpp"
#include "sync/per_process.hpp"

namespace loopbridge::detail {
namespace {

struct stashed {
  call_base* call;
  result_type type;
};
using results = std::map<result_id, stashed>;
struct kept_results {
  std::mutex mutex;
  results all;
};

void report_what_is_left();
constinit per_process<kept_results> the_stash(report_what_is_left);
/// Goes on in a child, so that a number of the parent's is none of the child's.
std::atomic<std::uint64_t> last_id{0};

/// "int" of "name_of_type() [with T = int]", as gcc and clang write it.
std::string_view name_of(result_type type) {
  const std::string_view name = type.name();
  const auto begin = name.find("T = ") + 4;
  return name.substr(begin, name.rfind(']') - begin);
}

bool operator==(result_type a, result_type b) noexcept {
  return a.name == b.name || (a.info != nullptr && b.info != nullptr && *a.info == *b.info);
}

void report_what_is_left() {
  kept_results* const s = the_stash.own();
  if (s == nullptr) return;
  // Not under the lock: see the header. A caller that asks meanwhile finds no such result.
  results left;
  {
    const std::lock_guard lock(s->mutex);
    left.swap(s->all);
  }
  for (const auto& [id, result] : left) {
    call_base& call = *result.call;
    const std::string_view type = name_of(result.type);
    std::fprintf(
        stderr, "loopbridge: result %llu (%.*s, submitted at %s) was stashed and never retrieved\n",
        static_cast<unsigned long long>(id), static_cast<int>(type.size()), type.data(),
        where_text(call.where()).c_str());
    if (call.is_ready() && !call.has_value()) call.core().unhandled(call.error(), call.where());
  }
  const std::lock_guard lock(s->mutex);
  s->all.merge(left);  // kept reachable, for leak checkers
}

}  // namespace

result_id put_into_stash(call_base& call, result_type type) {
  kept_results& s = the_stash.get();
  const result_id id{++last_id};
  results one{{id, {&call, type}}};
  const std::lock_guard lock(s.mutex);
  s.all.merge(one);  // neither allocates nor throws
  return id;
}

call_base& take_from_stash(result_id id, result_type type) {
  kept_results& s = the_stash.get();
  results::node_type taken;
  result_type found{};
  {
    const std::lock_guard lock(s.mutex);
    const auto at = s.all.find(id);
    if (at != s.all.end()) {
      found = at->second.type;
      if (found == type) taken = s.all.extract(at);
    }
  }
  if (!taken.empty()) return *taken.mapped().call;
  std::string what = "loopbridge: result " + std::to_string(static_cast<std::uint64_t>(id));
  if (found.name == nullptr) {
    throw not_stashed(
        what + " is not in the stash: it was retrieved already, or never stashed in this process");
  }
  what.append(" is of another type: retrieve<").append(name_of(found));
  what.append(">() gives it back, and not retrieve<").append(name_of(type)).append(">()");
  throw not_stashed(what);
}

}  // namespace loopbridge::detail
