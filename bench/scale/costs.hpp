#pragma once

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include <loopbridge/loopbridge.hpp>

#include "machine.hpp"
#include "ring.hpp"

// What single steps cost on this machine, in ns: the simulation's parameters.
namespace scale::costs {

/// A word that goes to and fro between two CPUs, one way: the median of many short stretches, most
/// of which nobody disturbs.
inline double line() {
  struct alignas(64) word {
    std::atomic<unsigned> turn{0};
  } w;
  constexpr unsigned stretch = 500;
  constexpr unsigned stretches = 60;
  std::vector<double> took;
  on_threads(2, [&](int me) noexcept {
    double start = now_ns();
    for (unsigned n = unsigned(me); n < stretch * stretches; n += 2) {
      while (w.turn.load(std::memory_order_acquire) != n) pause();
      w.turn.store(n + 1, std::memory_order_release);
      if (n % stretch != 0) continue;
      const double now = now_ns();
      took.push_back((now - start) / stretch);
      start = now;
    }
  });
  std::sort(took.begin(), took.end());
  return took[took.size() / 2];
}

inline double cas() {
  alignas(64) static std::atomic<std::uint64_t> word{0};
  constexpr int n = 100'000;
  const double start = now_ns();
  std::uint64_t expected = word;
  for (int i = 0; i < n; ++i) {
    if (word.compare_exchange_strong(expected, expected + 1)) ++expected;
  }
  return (now_ns() - start) / n;
}

/// From before the write until the thread that slept in epoll_wait, on the other CPU, goes on:
/// the median of a few. (A pair: and how long the write took, which here wakes somebody.)
inline std::pair<double, double> wake() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int ep = epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{EPOLLIN | EPOLLET, {}};
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &interest);
  constexpr int n = 60;
  std::vector<double> slept;
  std::vector<double> wrote;
  std::atomic<double> written{0};
  std::atomic<int> woken{0};
  on_threads(2, [&](int me) noexcept {
    for (int i = 0; i < n; ++i) {
      if (me == 1) {
        epoll_event e;
        if (epoll_wait(ep, &e, 1, 2000) == 1) slept.push_back(now_ns() - written.load());
        ++woken;
      } else {
        const double start = now_ns();
        while (now_ns() - start < 200'000) pause();  // until it sleeps, and its CPU too
        written = now_ns();
        const std::uint64_t one = 1;
        (void)!write(fd, &one, sizeof(one));
        wrote.push_back(now_ns() - written);
        while (woken.load() <= i) pause();
      }
    }
  });
  close(ep);
  close(fd);
  const auto median = [](std::vector<double>& v) {
    if (v.empty()) return 0.0;
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
  };
  return {median(slept), median(wrote)};
}

inline double clock_read() {
  constexpr int n = 20'000;
  const double start = now_ns();
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += now_ns();
  return sum > 0 ? (now_ns() - start) / n : 0;
}

/// A turn of a loop that has something to do, and so does not sleep, but for what that is.
inline double turn() {
  uv_loop_t loop;
  uv_idle_t awake;
  uv_async_t bell;
  uv_loop_init(&loop);
  uv_idle_init(&loop, &awake);
  uv_idle_start(&awake, [](uv_idle_t*) {});
  uv_async_init(&loop, &bell, nullptr);
  constexpr int n = 5'000;
  const double start = now_ns();
  for (int i = 0; i < n; ++i) uv_run(&loop, UV_RUN_NOWAIT);
  const double ns = (now_ns() - start) / n;
  uv_close(reinterpret_cast<uv_handle_t*>(&awake), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&bell), nullptr);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return ns;
}

/// Posting to a loop that is held, and then running that, per call.
inline std::pair<double, double> post_and_run(int loop_cpu) {
  constexpr int n = 4'000;
  loopbridge::options opts;
  opts.on_thread_start = [loop_cpu] { pin(loop_cpu); };
  loopbridge::bridge b(opts);
  double posted = 0;
  double ran = 0;
  for (int round = 0; round < 2; ++round) {  // the first warms up
    std::atomic<int> state{0};
    static volatile std::uint64_t sum;
    double first = 0;
    b.post([&] {
      state = 1;
      while (state.load() != 2) std::this_thread::yield();
      first = now_ns();
    });
    while (state.load() != 1) std::this_thread::yield();
    const double start = now_ns();
    for (std::uint64_t i = 0; i < n; ++i) b.post([i] { sum = sum + i; });
    posted = (now_ns() - start) / n;
    state = 2;
    ran = (b.call([] { return now_ns(); }) - first) / n;
  }
  return {posted, ran};
}

/// The same for a ring. (Filled and emptied in halves, so that it is never full.)
inline std::pair<double, double> ring_put_and_run(bool other_cpu) {
  static ring r;
  static std::uint64_t sum;
  constexpr int n = 512;
  constexpr int rounds = 40;
  double put = 0;
  double ran = 0;
  std::atomic<int> turn{0};
  const auto fill = [&] {
    const double start = now_ns();
    for (int i = 0; i < n; ++i) r.put([](void* s) { ++*static_cast<std::uint64_t*>(s); }, &sum);
    put += now_ns() - start;
  };
  const auto empty = [&] {
    const double start = now_ns();
    r.drain();
    ran += now_ns() - start;
  };
  if (!other_cpu) {
    for (int i = 0; i < rounds; ++i) fill(), empty();
  } else {
    on_threads(2, [&](int me) noexcept {
      for (int i = 0; i < rounds; ++i) {
        while (turn.load() != 2 * i + me) pause();
        me == 0 ? fill() : empty();
        ++turn;
      }
    });
  }
  return {put / (n * rounds), ran / (n * rounds)};
}

/// What it costs a thread to choose a loop of a group; the loops sleep.
template <class Choose>
double choosing(loopbridge::bridge_group& group, Choose&& choose) {
  constexpr int n = 20'000;
  const loopbridge::bridge* volatile chosen = nullptr;
  const double start = now_ns();
  for (int i = 0; i < n; ++i) chosen = &choose(group, i);
  (void)chosen;
  return (now_ns() - start) / n;
}

}  // namespace scale::costs
