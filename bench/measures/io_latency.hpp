#pragma once

#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "harness/measure.hpp"
#include "harness/posts.hpp"
#include "harness/statistics.hpp"

namespace bench {

/// How long a byte takes from a socket through the loop and back: while the loop has nothing else
/// to do, and while another thread posts as fast as it can, at most 10,000 calls ahead of the loop.
struct io_latency {
  std::string name() const { return "I/O on the loop, each 300 us"; }
  std::vector<figure> figures() const {
    return {{"idle median", "us"},
            {"idle p99", "us"},
            {"flooded median", "us"},
            {"flooded p99", "us"},
            {"flood", "M/s", better::higher}};
  }
  template <class C>
  static constexpr bool fits = on_libuv<C>;

  template <class C>
  std::vector<double> run(effort e) const {
    C c;
    echo_end loops_end;
    c.with_loop([&](uv_loop_t* loop) { loops_end.open(loop); });
    const std::vector<double> idle = round_trips(loops_end.other, 4 * e.seconds);

    std::atomic<bool> ended{false};
    total counted;
    std::uint64_t posted = 0;
    std::thread flood([&] { posted = post_until(ended, c, counted); });
    const auto start = clock::now();
    const std::vector<double> flooded = round_trips(loops_end.other, 4 * e.seconds);
    const double nanoseconds = nanoseconds_since(start);
    ended = true;
    flood.join();
    require_sum(counted.sum, posted);
    c.with_loop([&](uv_loop_t*) { loops_end.close(); });
    c.call([] {});
    return {median(idle), percentile(idle, 99), median(flooded), percentile(flooded, 99),
            static_cast<double>(posted) / nanoseconds * 1e3};
  }

 private:
  /// The loop's end of a pair of sockets: gives back what it gets.
  struct echo_end {
    int own = -1;
    int other = -1;
    uv_poll_t* poll = nullptr;

    void open(uv_loop_t* loop) {
      int ends[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
      own = ends[0];
      other = ends[1];
      poll = new uv_poll_t;
      if (uv_poll_init(loop, poll, own) != 0) std::abort();  // makes it non-blocking
      poll->data = this;
      uv_poll_start(poll, UV_READABLE, [](uv_poll_t* p, int, int) {
        const auto* self = static_cast<echo_end*>(p->data);
        char byte = 0;
        if (read(self->own, &byte, 1) == 1 && write(self->own, &byte, 1) != 1) std::abort();
      });
    }
    void close() {
      uv_poll_stop(poll);
      uv_close(reinterpret_cast<uv_handle_t*>(poll),
               [](uv_handle_t* p) { delete reinterpret_cast<uv_poll_t*>(p); });
      ::close(own);
      ::close(other);
    }
  };

  static std::vector<double> round_trips(int socket, double seconds) {
    std::vector<double> times;
    const auto end = in_seconds(seconds);
    while (times.size() < 10 || clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      char byte = 1;
      const auto start = clock::now();
      if (write(socket, &byte, 1) != 1 || read(socket, &byte, 1) != 1) std::abort();
      times.push_back(nanoseconds_since(start) / 1e3);
    }
    return times;
  }

  template <class C>
  static std::uint64_t post_until(const std::atomic<bool>& ended, C& c, total& counted) {
    auto&& p = producer_of(c);
    std::atomic<std::uint64_t> seen{0};  // the loop's own count, published now and then
    std::uint64_t posted = 0;
    while (!ended.load(std::memory_order_relaxed)) {
      if (posted - seen.load(std::memory_order_relaxed) >= 10'000) {
        std::this_thread::yield();
        continue;
      }
      post_ones(p, counted, 100);
      p.post([&counted, &seen] { seen.store(counted.sum, std::memory_order_relaxed); });
      posted += 100;
    }
    drain(p);
    return posted;
  }
};

}  // namespace bench
