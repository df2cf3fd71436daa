#pragma once

// Uses all of the public interface, so that a compiler sees each template of it at work: for the
// tests that build it without RTTI, and with other people's warnings. It returns what came out
// otherwise than it should.
#include <uv.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <loopbridge/coroutines/schedule.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <loopbridge/handlers/reentrant_queue.hpp>
#include <loopbridge/log/log_sink.hpp>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <loopbridge/testing/manual_bridge.hpp>
#include <loopbridge/timers.hpp>
#include <loopbridge/uv/address.hpp>
#include <loopbridge/uv/delay.hpp>
#include <loopbridge/uv/error.hpp>
#include <loopbridge/uv/file.hpp>
#include <loopbridge/uv/queue_work.hpp>
#include <loopbridge/uv/stream.hpp>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "on_the_loop.hpp"
#include "other_forms.hpp"

class everything {
 public:
  /// Names of what went wrong.
  std::vector<std::string> use() {
    calls();
    results();
    combinations();
    tasks();
    coroutines();
    from_handlers();
    expect(use_what_is_on_the_loop(b_), "owned, fd_watcher, readable, timer");
    the_rest();
    for (const std::string& w : other_forms().use()) wrong_.push_back(w);
    return wrong_;
  }

 private:
  using ms = std::chrono::milliseconds;
  static constexpr std::chrono::seconds soon{60};
  struct own_error : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  /// A result that can only be moved.
  using only_moved = std::unique_ptr<int>;

  void expect(bool right, const char* what) {
    if (!right) wrong_.emplace_back(what);
  }
  template <class Error, class F>
  void expect_throw(F&& f, const char* what) {
    try {
      std::forward<F>(f)();
    } catch (const Error& e) {
      return expect(*e.what() != '\0', what);
    } catch (const std::exception& e) {
      wrong_.emplace_back(e.what());
    }
    expect(false, what);
  }

  void calls() {
    b_.post([] {});
    b_.post([](loopbridge::loop_ref loop) { (void)uv_now(loop); }, std::source_location::current());
    expect(b_.try_post([] {}) == loopbridge::status::accepted, "try_post");
    expect(b_.call([] { return 1; }) == 1, "call");
    expect(*b_.call([p = only_moved(new int(2))]() mutable { return std::move(p); }) == 2, "moved");
    b_.call([] {});
    int there = 0;
    expect(&b_.call([&there]() -> int& { return there; }) == &there, "call, reference");
    expect(b_.call_for(soon, [] { return std::string("x"); }) == "x", "call_for");
    b_.call_for(soon, [] {});
    expect(b_.submit([] { return 3; }).get() == 3, "submit");
    expect(submit_after(b_, ms(1), [] { return 4; }).get_for(soon) == 4, "submit_after");
    loopbridge::repeated_call every = submit_every(b_, ms(1), [] {});
    loopbridge::repeated_call other = std::move(every);
    every = std::move(other);
    (void)every.runs();
    every.stop();
    b_.at_stop([](loopbridge::loop_ref) {});
    expect_throw<own_error>([&] { b_.call([] { throw own_error("x"); }); }, "a failure");
    const auto add = loopbridge::wrap(b_, std::bind_front(std::plus<int>(), 1));
    expect(add(2).get() == 3, "wrap");
    const auto add_now = loopbridge::wrap_blocking(b_, soon, std::plus<int>());
    expect(add_now(1, 2) == 3 && add_now.wrapped()(1, 2) == 3, "wrap_blocking");
    expect(loopbridge::wrap([](loopbridge::loop_ref) { return 1; })().get() == 1, "default wrap");
  }

  void results() {
    loopbridge::eventual<int> e = b_.submit([] { return 1; });
    e.wait();
    expect(e.wait_for(soon) && e.ready() && !e.error() && e, "ready");
    const loopbridge::interrupt_source never;
    const std::stop_source source;
    expect(e.get() == 1 && e.get_for(soon) == 1 && e.get(never) == 1, "get");
    expect(e.get_for(soon, source.get_token()) == 1, "get_for, stop_token");
    expect(!e.cancel(), "cancel");
    const loopbridge::ready_descriptor ready(e);
    expect(ready.fd() >= 0, "ready_descriptor");
    expect(loopbridge::to_future(std::move(e)).get() == 1, "to_future");
    loopbridge::to_future(b_.submit([] {})).get();
    const auto id = loopbridge::stash(b_.submit([] { return 2; }));
    expect_throw<loopbridge::not_stashed>([&] { (void)loopbridge::retrieve<long>(id); }, "stash");
    expect(loopbridge::retrieve<int>(id).get() == 2, "retrieve");
    expect(b_.submit([] { return 1; }).then([](int n) { return n + 1; }).get() == 2, "then");
    auto whole = b_.submit([] {}).then([] { return only_moved(new int(1)); });
    auto next = std::move(whole).then([](loopbridge::eventual<only_moved> p) { return *p.get(); });
    expect(std::move(next).then(other_, [](int n) { return n + 1; }).get() == 2, "then, executor");
    loopbridge::completer<int> done;
    auto later = b_.submit([answer = done.get_deferred()]() mutable { return std::move(answer); });
    done.on_cancel([] {});
    done.guard([&] { done.resolve(7); });
    expect(later.get() == 7 && !done.is_cancelled(), "deferred");
    auto failed = b_.submit([] {
      loopbridge::completer<void> c;
      auto answer = c.get_deferred();
      c = loopbridge::completer<void>::from(c.release());
      c.reject(own_error("rejected"));
      c.resolve();
      return answer;
    });
    expect_throw<own_error>([&] { failed.get(); }, "reject");
    auto made = b_.submit([] {
      loopbridge::completer<std::string> c;
      auto answer = c.get_deferred();
      c.resolve_with([] { return "text"; });
      return answer;
    });
    expect(std::move(made).get() == "text", "resolve_with");
  }

  void combinations() {
    const auto [one, nothing] = when_all(b_.submit([] { return 1; }), other_.submit([] {})).get();
    expect(one == 1 && nothing == std::monostate(), "when_all");
    std::vector<loopbridge::eventual<only_moved>> all;
    all.push_back(b_.submit([] { return only_moved(new int(2)); }));
    expect(*loopbridge::when_all(std::move(all)).get().front() == 2, "when_all, vector");
    expect(when_any(b_.submit([] { return 3; }), b_.submit([] { return 3; })).get().value == 3,
           "when_any");
    std::vector<loopbridge::eventual<void>> voids;
    voids.push_back(b_.submit([] {}));
    expect(loopbridge::when_any(std::move(voids)).get().index == 0, "when_any, void");
    loopbridge::bridge_group group(2);
    group.by_key(1).post([] {});
    group[0].post([] {});
    for (loopbridge::bridge& b : group) b.post([] {});
    expect(group.next().call([] { return 1; }) + int(group.size()) == 3, "group");
    group.stop();
  }

  static loopbridge::task<int> inner(int n) {
    co_await loopbridge::delay(ms(1));
    co_return n;
  }
  static loopbridge::task<> empty() { co_await loopbridge::delay(ms(0)); }
  static loopbridge::task<only_moved> outer(loopbridge::bridge& other) {
    int sum = co_await inner(1) + co_await loopbridge::queue_work([] { return 2; });
    co_await empty();
    co_await loopbridge::queue_work([] {});
    sum += co_await other.submit([] { return 3; });
    const auto kept = other.submit([] { return 4; });
    sum += co_await kept;
    loopbridge::completer<int> done;
    done.resolve(5);
    sum += co_await done.get_deferred();
    const std::stop_token token = co_await loopbridge::stop_token_of_task();
    if (token.stop_requested()) co_return nullptr;
    auto [a, b] = co_await when_all(other.submit([] { return 6; }), other.submit(empty));
    co_return std::make_unique<int>(sum + a + static_cast<int>(sizeof(b)));
  }
  static loopbridge::task<std::string> files() {
    const std::string path = "/tmp/loopbridge_everything_" + std::to_string(uv_os_getpid());
    co_await loopbridge::write_file(path, "text");
    std::string text = co_await loopbridge::read_file(path);
    co_await loopbridge::fs([&](uv_loop_t* loop, uv_fs_t* request, uv_fs_cb done) {
      return uv_fs_unlink(loop, request, path.c_str(), done);
    });
    for (const auto& a : co_await loopbridge::resolve("127.0.0.1")) text += a.ip();
    co_return text;
  }
  static loopbridge::task<> connect() {
    loopbridge::stream s = co_await loopbridge::stream::connect_unix("/nowhere");
    std::array<char, 4> bytes;
    co_await s.write("x");
    co_await s.read(bytes.data(), bytes.size());
  }

  void tasks() {
    expect(*b_.call([this] { return outer(other_); }) == 22, "task");
    expect(b_.call(files) == "text127.0.0.1", "files");
    expect_throw<std::system_error>([&] { b_.call_for(soon, connect); }, "stream");
    expect(loopbridge::address("127.0.0.1", 80).port() == 80, "address");
    expect(std::error_code(UV_EOF, loopbridge::uv_category()).message() != "", "uv_category");
  }

  /// A coroutine of somebody else's.
  struct foreign {
    struct promise_type {
      foreign get_return_object() noexcept { return {}; }
      std::suspend_never initial_suspend() noexcept { return {}; }
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
  };
  static foreign hop(loopbridge::bridge& b, loopbridge::bridge& other,
                     loopbridge::completer<int> done) {
    co_await schedule(b);
    int sum = co_await other.submit([] { return 1; });
    const auto kept = other.submit([] { return 2; });
    sum += co_await kept;
    sum += co_await loopbridge::resume_on(b, kept);
    sum += co_await loopbridge::resume_on(other, b.submit([] { return 3; }));
    done.resolve(sum);
  }
  void coroutines() {
    const auto begin = [this] {
      loopbridge::completer<int> done;
      auto answer = done.get_deferred();
      hop(b_, other_, std::move(done));
      return answer;
    };
    expect(other_.call_for(soon, begin) == 8, "schedule, resume_on");
  }

  void from_handlers() {
    (void)b_.post_reentrant([](loopbridge::loop_ref) {});
    (void)b_.post_reentrant([](int) {}, 1);
    loopbridge::reentrant_call fired(b_, [](std::uint64_t) {});
    expect(fired.post() == loopbridge::status::accepted, "reentrant_call");
    expect(fired.call_for(soon) == loopbridge::status::answered, "reentrant_call, call_for");
    loopbridge::reentrant_queue<int> numbers;
    numbers.put(1);
    expect(numbers.put_reentrant(2) == loopbridge::status::accepted, "put_reentrant");
    expect(numbers.get() + numbers.get_for(soon).value_or(0) == 3, "reentrant_queue");
    numbers.close();
    expect_throw<loopbridge::queue_closed>([&] { (void)numbers.try_get(); }, "queue_closed");
    loopbridge::reentrant_queue<only_moved> moved;
    expect(moved.try_put(nullptr) == loopbridge::status::accepted, "try_put");
    expect(moved.try_get().has_value(), "try_get");
    loopbridge::log_options quiet;
    quiet.writer.write = [](const loopbridge::log_line& line) { (void)to_string(line); };
    loopbridge::log_sink log(std::move(quiet));
    (void)log.log(loopbridge::log_level::info, "{} {} {} {{}}", 1, "x", 1.5);
    expect(log.flush(soon) == loopbridge::status::answered, "log_sink");
  }

  void the_rest() {
    loopbridge::options opts;
    opts.watchdog.callback = soon;
    opts.on_unhandled_error = [](const loopbridge::unhandled_error&) {};
    opts.capacity = 1;
    loopbridge::manual_bridge manual(opts);
    bool ran = false;
    auto waits = submit_after(manual.bridge(), ms(5), [&] { ran = true; });
    manual.advance(ms(5));
    expect(ran && waits.ready() && manual.now() == ms(5), "manual_bridge");
    uv_loop_t loop;
    uv_loop_init(&loop);
    {
      loopbridge::bridge adopted = loopbridge::bridge::adopt(&loop);
      auto answer = adopted.submit([](loopbridge::loop_ref l) { return l.get(); });
      uv_run(&loop, UV_RUN_NOWAIT);
      expect(answer.get() == &loop, "adopt");
      adopted.stop();
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    expect(uv_loop_close(&loop) == 0, "adopt, closed");
    expect(std::string(to_string(loopbridge::status::bridge_full)) == "bridge_full", "to_string");
    expect(loopbridge::default_bridge().call([] { return 1; }) == 1, "default_bridge");
    expect(b_.stats().sleeps > 0 && !b_.stop_requested() && !b_.on_loop_thread(), "stopped");
    b_.stop();
    expect_throw<loopbridge::bridge_stopped>([&] { b_.post([] {}); }, "bridge_stopped");
    b_.stop_reentrant();
  }

  std::vector<std::string> wrong_;
  loopbridge::bridge b_;
  loopbridge::bridge other_;
};
