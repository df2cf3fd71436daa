#include "loopbridge/stash.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <string>

#include "loopbridge/detail/process_mark.hpp"
#include "loopbridge/errors.hpp"

namespace loopbridge::detail {
namespace {

using results = std::map<std::uint64_t, std::unique_ptr<stashed_base>>;

/// Never destroyed, because threads may still use it when main has returned. A child makes one of
/// its own: the parent's lock may be held there by a thread that is no more.
struct shared_stash {
  const process_mark process;
  std::mutex mutex;
  results kept;
  shared_stash* parents = nullptr;  ///< not lost, to those who look for leaks
};

/// Home: null, then the process's; in a child the parent's, until the first use there.
std::atomic<shared_stash*> the_stash{nullptr};
std::atomic<bool> is_registered{false};
/// Goes on in a child, so that a number of the parent's is none of the child's.
std::atomic<std::uint64_t> last_id{0};

/// "std::string" of "name_of_type() [with T = std::string]", as gcc and clang write it.
std::string name_of(result_type type) {
  const std::string name = type.name();
  const auto begin = name.find("T = ");
  const auto end = name.rfind(']');
  if (begin == std::string::npos || end == std::string::npos) return name;
  return name.substr(begin + 4, end - begin - 4);
}

bool operator==(result_type a, result_type b) noexcept {
  return a.name == b.name || (a.info != nullptr && b.info != nullptr && *a.info == *b.info);
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

void report(std::uint64_t id, const stashed_base& result) {
  const std::exception_ptr error = result.error();
  std::fprintf(
      stderr, "loopbridge: result %llu (%s, submitted at %s) was stashed and never retrieved%s%s\n",
      static_cast<unsigned long long>(id), name_of(result.type()).c_str(),
      place_text(result.where()).c_str(), error ? "; it failed: " : "",
      error ? text_of(error).c_str() : "");
}

void report_what_is_left() {
  shared_stash* const s = the_stash.load();
  if (s == nullptr || !s->process.is_this_process()) return;
  // Not under the lock: see the header. Whoever asks meanwhile is told that there is no such
  // result.
  results left;
  {
    const std::lock_guard lock(s->mutex);
    left.swap(s->kept);
  }
  try {
    for (const auto& [id, result] : left) report(id, *result);
  } catch (...) {
    std::fputs("loopbridge: no memory to say which results were never retrieved\n", stderr);
  }
  const std::lock_guard lock(s->mutex);
  s->kept.merge(left);
}

shared_stash& stash_of_this_process() {
  shared_stash* now = the_stash.load();
  if (now != nullptr && now->process.is_this_process()) return *now;
  auto made = std::make_unique<shared_stash>();
  if (!is_registered.exchange(true) && std::atexit(report_what_is_left) != 0) {
    is_registered = false;
    throw std::bad_alloc();
  }
  made->parents = now;
  if (the_stash.compare_exchange_strong(now, made.get())) return *made.release();
  return *now;  // another thread was first
}

[[noreturn]] void throw_not_stashed(result_id id, const std::string& why) {
  throw not_stashed("loopbridge: result " + std::to_string(static_cast<std::uint64_t>(id)) + why);
}

}  // namespace

result_id put_into_stash(std::unique_ptr<stashed_base> result) {
  shared_stash& s = stash_of_this_process();
  const std::uint64_t id = last_id.fetch_add(1) + 1;
  results entry;
  entry.emplace(id, std::move(result));
  const std::lock_guard lock(s.mutex);
  s.kept.merge(entry);  // neither allocates nor throws
  return result_id{id};
}

std::unique_ptr<stashed_base> take_from_stash(result_id id, result_type type) {
  shared_stash& s = stash_of_this_process();
  results::node_type entry;
  std::optional<result_type> found;
  {
    const std::lock_guard lock(s.mutex);
    const auto at = s.kept.find(static_cast<std::uint64_t>(id));
    if (at != s.kept.end()) {
      found = at->second->type();
      if (*found == type) entry = s.kept.extract(at);
    }
  }
  if (!found) {
    throw_not_stashed(id,
                      " is not in the stash: it was retrieved already, or never stashed in this "
                      "process; each can be retrieved once");
  }
  if (entry.empty()) {
    throw_not_stashed(id, " is of another type: retrieve<" + name_of(*found) +
                              ">() gives it back, and not retrieve<" + name_of(type) + ">()");
  }
  return std::move(entry.mapped());
}

}  // namespace loopbridge::detail
