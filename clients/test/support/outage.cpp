#include "support/outage.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "loopbridge/clients/request_error.hpp"
#include "support/patience.hpp"

namespace support {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int threads = 4;

/// How often each thread has had an answer, and an error.
struct counts {
  std::atomic<int> answers = 0;
  std::atomic<int> errors = 0;
};

std::string kind_of(const loopbridge::error& e) {
  namespace c = loopbridge::clients;
  if (auto* const r = dynamic_cast<const c::request_error*>(&e)) {
    const bool late = dynamic_cast<const c::request_timed_out*>(&e) != nullptr;
    return std::string(late ? "timed out" : "failed") + ", " + std::string(c::name_of(r->result()));
  }
  return e.what();
}

class players {
 public:
  explicit players(const std::function<void()>& request) {
    for (int n = 0; n < threads; ++n) {
      threads_[n] = std::thread([this, n, &request]() noexcept {
        while (!over_) play(counts_[n], request);
      });
    }
  }
  ~players() { end(); }

  outage_report& end() {
    over_ = true;
    for (std::thread& t : threads_) {
      if (t.joinable()) t.join();
    }
    return report_;
  }

  void until_all_fail() {
    const auto before = seen(&counts::errors);
    REQUIRE(comes_true([&] { return all_more(before, &counts::errors); }));
  }
  /// The server answers, from now on.
  void until_all_recover() {
    const auto since = steady_clock::now();
    const auto before = seen(&counts::answers);
    REQUIRE(comes_true([&] { return all_more(before, &counts::answers); }));
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - since);
    const std::lock_guard lock(mutex_);
    report_.longest_recovery = std::max(report_.longest_recovery, took);
  }

 private:
  void play(counts& own, const std::function<void()>& request) noexcept {
    const auto since = steady_clock::now();
    std::string failure;
    bool ours = true;
    try {
      request();
    } catch (const loopbridge::error& e) {
      failure = kind_of(e);
    } catch (const std::exception& e) {
      failure = e.what();
      ours = false;
    }
    const auto over =
        std::chrono::duration_cast<milliseconds>(steady_clock::now() - since) - outage_deadline;
    {
      const std::lock_guard lock(mutex_);
      report_.longest_over_deadline = std::max(report_.longest_over_deadline, over);
      if (failure.empty()) {
        ++report_.answers;
      } else {
        ++report_.errors[failure];
        if (!ours) ++report_.without_error;
      }
    }
    ++(failure.empty() ? own.answers : own.errors);
    // A client that refuses at once, as long as the server is away, must not be asked in a circle.
    if (!failure.empty()) std::this_thread::sleep_for(milliseconds(1));
  }

  std::array<int, threads> seen(std::atomic<int> counts::* which) const {
    std::array<int, threads> all;
    for (int n = 0; n < threads; ++n) all[n] = (counts_[n].*which);
    return all;
  }
  bool all_more(const std::array<int, threads>& before, std::atomic<int> counts::* which) const {
    for (int n = 0; n < threads; ++n) {
      if ((counts_[n].*which) == before[n]) return false;
    }
    return true;
  }

  std::atomic<bool> over_ = false;
  std::array<counts, threads> counts_;
  std::mutex mutex_;
  outage_report report_;
  std::array<std::thread, threads> threads_;
};

/// The longest that this machine has kept a thread from going on that had nothing to wait for but
/// the clock: as long as that, nobody can be in time.
class stall_watch {
 public:
  stall_watch()
      : thread_([this]() noexcept {
          while (!over_) {
            const auto due = steady_clock::now() + milliseconds(1);
            std::this_thread::sleep_until(due);
            longest_ = std::max(longest_, steady_clock::now() - due);
          }
        }) {}
  ~stall_watch() { (void)end(); }

  milliseconds end() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return std::chrono::ceil<milliseconds>(longest_);
  }

 private:
  std::atomic<bool> over_ = false;
  steady_clock::duration longest_{0};
  std::thread thread_;
};

bool is_slowed() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return std::getenv("LOOPBRIDGE_SLOW") != nullptr;
#endif
}

}  // namespace

outage_report run_outage(const std::string& name, server& s, const std::function<void()>& request) {
  stall_watch machine;
  players all(request);
  all.until_all_recover();
  s.kill();
  all.until_all_fail();
  s.start();
  all.until_all_recover();
  s.freeze();
  all.until_all_fail();
  s.thaw();
  all.until_all_recover();
  s.kill();
  s.start();
  all.until_all_recover();
  outage_report report = all.end();
  report.longest_stall = machine.end();
  std::printf(
      "outage | %s | %d answers | %lld ms over its deadline at most | recovered in %lld ms |",
      name.c_str(), report.answers, static_cast<long long>(report.longest_over_deadline.count()),
      static_cast<long long>(report.longest_recovery.count()));
  for (const auto& [kind, n] : report.errors) std::printf(" %d x %s;", n, kind.c_str());
  std::puts("");
  return report;
}

void check(const outage_report& report) {
  CHECK(report.answers > 0);
  CHECK_FALSE(report.errors.empty());
  CHECK(report.without_error == 0);
  CHECK(report.longest_over_deadline - report.longest_stall <=
        milliseconds(is_slowed() ? 500 : 50));
  CHECK(report.longest_recovery <= milliseconds(is_slowed() ? 6000 : 2000));
}

}  // namespace support
