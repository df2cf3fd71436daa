// Every system call and every libuv function that a bridge relies on fails in turn: the n-th call,
// for each n, in a process of its own that starts a bridge, uses and stops it.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <thread>

#include "faults/support/failing_calls.hpp"
#include "support/in_child.hpp"
#include "support/resources.hpp"
#include "support/until.hpp"

TEST_SUITE_BEGIN("faults: system calls");

using loopbridge::bridge;
using loopbridge::status;
using support::calls::fault;

namespace {

/// What became of one life of a bridge. (Others: support::in_child's, for what must not be.)
enum end : int {
  unharmed = 0,
  refused = 1,
  refused_but_libuv_leaks = 2,
  never_failed = 3,
  bad = 10,
  aborted = 300 + SIGABRT
};

/// Each kind of call on a loop that sleeps. 0, or the number of the one that went wrong.
int use(bridge& b) {
  int ran = 0;
  for (int round = 0; round < 2; ++round) {
    support::until_asleep(b);
    b.post([&ran] { ++ran; });
    support::until_asleep(b);
    if (b.call([&ran] { return ran; }) != round + 1) return 1;
    support::until_asleep(b);
    if (b.submit([] { return 8; }).get_for(support::generous) != 8) return 2;
    support::until_asleep(b);
    if (b.call_for(support::generous, [] { return 9; }) != 9) return 3;
    b.call([waits = support::calls::futex_waits.load()] {
      while (support::calls::futex_waits == waits) std::this_thread::yield();  // the caller sleeps
    });
    support::until_asleep(b);
    if (b.post_reentrant([] {}) != status::accepted) return 4;
  }
  return 0;
}

/// What libuv opens once per process: two descriptors for its signals.
constexpr int libuv_keeps = 2;

int life(loopbridge::doorbell kind, const fault& f, const fault& also) {
  loopbridge::options opts;
  opts.doorbell = kind;
  const auto before = support::resources::in_use();
  std::optional<bridge> b;
  support::calls::fail(f, also);
  try {
    b.emplace(opts);
    if (const int wrong = use(*b); wrong != 0) return bad + wrong;
    b->stop();
  } catch (const std::system_error& e) {
    if (b || e.code().value() != std::abs(f.error)) return bad + 5;
    if (std::string(e.what()).empty()) return bad + 6;
  }
  if (!support::calls::recover()) return never_failed;
  const bool started = b.has_value();
  if (started) {  // a child is known as one, however that is found out
    const auto in_child = [&b] { return b->try_post([] {}) == status::wrong_process ? 0 : 1; };
    if (support::in_child(in_child) != 0) return bad + 11;
    b.reset();
  }
  if (!before.threads_are_back()) return bad + 7;
  const int left = support::resources::in_use().descriptors - before.descriptors - libuv_keeps;
  if (left > 1) return bad + 8;
  // And another one starts, is used and ends in the same process.
  bridge again(opts);
  if (use(again) != 0) return bad + 9;
  if (started) return left <= 0 ? unharmed : bad + 10;
  return left <= 0 ? refused : refused_but_libuv_leaks;
}

/// One row of the tables: what each failure leads to, one letter for each call in turn, the last
/// one for all that follow.
///   r  the constructor throws, and leaves nothing behind
///   l  it throws, and libuv's uv_loop_init leaves its epoll descriptor behind (1.44 does)
///   .  nobody notices: each call is answered, nothing is left behind
///   a  the process is aborted
///   -  (alone) it is not called
///   *  (last) libuv decides, from version to version, which of these, and whether it calls at all
struct row {
  fault f;
  const char* ends;
  const char* ends_uv_async = nullptr;  ///< where it differs
  fault also = {nullptr, 0};
};

constexpr int returns_early = -1;  // the call reports success, and nothing has happened

char letter_for(int ended) {
  switch (ended) {
    case unharmed:
      return '.';
    case refused:
      return 'r';
    case refused_but_libuv_leaks:
      return 'l';
    case aborted:
      return 'a';
    default:
      return '?';
  }
}

void check(const row& r) {
  for (const auto kind : {loopbridge::doorbell::wakeup_fd, loopbridge::doorbell::uv_async}) {
    const bool async = kind == loopbridge::doorbell::uv_async;
    const std::string ends = async && r.ends_uv_async != nullptr ? r.ends_uv_async : r.ends;
    std::string seen;
    for (long n = 1; n < 100; ++n) {
      fault f = r.f;
      f.first = f.last = n;
      const int ended = support::in_child([&] { return life(kind, f, r.also); });
      if (ended == never_failed) break;
      seen += letter_for(ended);
      if (seen.back() == '?')
        MESSAGE(std::string(r.f.name), " failing, call ", n, ": ended with ", ended);
    }
    std::string expected = ends == "-" ? "" : ends;
    while (!expected.empty() && expected.size() < seen.size()) expected += expected.back();
    if (ends.ends_with('*') && seen.size() < ends.size()) expected.pop_back();
    for (std::size_t i = 0; i < std::min(seen.size(), expected.size()); ++i) {
      if (expected[i] == '*' && seen[i] != '?') expected[i] = seen[i];
      if (expected[i] == 'l' && seen[i] == 'r') expected[i] = 'r';  // a later libuv
    }
    std::printf("failed in turn: %-18s error %3d %-9s %s\n", r.f.name, r.f.error,
                async ? "uv_async" : "wakeup_fd", seen.c_str());
    CAPTURE(std::string(r.f.name));
    CAPTURE(r.f.error);
    CHECK(seen == expected);
  }
}

}  // namespace

TEST_CASE("what the constructor needs and does not get, it throws" *
          doctest::skip(support::has_tsan)) {
  check({{"eventfd", EMFILE}, "lr", "l"});
  check({{"mmap", ENOMEM}, "r*"});  // ours, and those of 1.45 and newer, which do without
  check({{"pthread_create", EAGAIN}, "r"});
  check({{"uv_loop_init", UV_ENOMEM}, "r"});
  check({{"uv_poll_init", UV_EPERM}, "r", "-"});
  check({{"uv_poll_start", UV_EINVAL}, "r", "-"});
  check({{"uv_async_init", UV_EMFILE}, "l", "lr"});
  check({{"epoll_create1", EMFILE}, "r"});
#ifdef __GLIBC__                                  // whose pthread_atfork calls it
  check({{"__register_atfork", ENOMEM}, "rar"});  // libuv's in between
#endif
}

TEST_CASE("what a bridge can do without, or again, nobody notices" *
          doctest::skip(support::has_tsan)) {
  for (const int error : {EINVAL, returns_early}) check({{"madvise", error}, "."});
  check({{"pthread_sigmask", EINVAL}, "."});
  check({{"pthread_setname_np", ERANGE}, "."});
  if (!support::has_asan) {  // where no blocks are kept for a thread's end; and which calls it too
    check({{"pthread_key_create", EAGAIN}, "."});
    check({{"pthread_setspecific", ENOMEM}, "."});
  }
  check({{"uv_loop_close", UV_EBUSY}, "."});
  check({{"epoll_ctl_mod", ENOMEM}, ".", "-"});
  for (const int error : {EINTR, EAGAIN}) check({{"read", error}, "."});
  check({{"ring", EINTR}, ".", "-"});
  check({{"write", EINTR}, "."});
  check({{"epoll_wait", EINTR}, "."});
  for (const int error : {EINTR, EAGAIN, returns_early}) check({{"futex_wait", error}, "."});
}

TEST_CASE("a doorbell that cannot be written ends the process, rather than lose a wake-up" *
          doctest::skip(support::has_tsan)) {
  for (const int error : {EBADF, EPERM, EIO}) check({{"ring", error}, "a", "-"});
  check({{"write", EBADF}, "a"});  // libuv's, also that of its signals
}

TEST_CASE("what libuv makes of its own failures is an error, or an abort" *
          doctest::skip(support::has_tsan)) {
  // 1.44: aborts for its process-wide signal pipe. The library looks first whether there are
  // descriptors: see descriptors_test.
  check({{"pipe2", EMFILE}, "*"});
  check({{"epoll_ctl", ENOSPC}, "*"});  // 1.44: throws for the doorbell, aborts in the loop
  check({{"epoll_wait", EBADF}, "*"});  // 1.44: aborts
}
