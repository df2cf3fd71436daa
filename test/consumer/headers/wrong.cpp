// clang-format off
// Programs that are wrong, each with what the compiler must say among its first errors. check.py
// compiles them one by one, behind <uv.h> and the public headers.
using namespace loopbridge;
using std::chrono::seconds;
struct fixed {
  fixed() = default;
  fixed(const fixed&) = delete;
};
// A coroutine of another library's.
struct foreign {
  struct promise_type {
    foreign get_return_object();
    std::suspend_never initial_suspend();
    std::suspend_never final_suspend() noexcept;
    void return_void();
    void unhandled_exception();
  };
};

//! this one takes neither
void f(bridge& b) { b.submit([] { return 1; }).then([](std::string) {}); }
//! this one takes neither
void f(bridge& b) { b.submit([] {}).then([](int) {}); }
//! this one takes neither
void f(bridge& b) { b.submit([] { return 1; }).then(b, [] {}); }
//! std::move it
void f(eventual<int>& e) { e.then([](int) {}); }
//! std::move it
void f(const eventual<int>& e, bridge& b) { e.then(b, [](int) {}); }
//! std::move it
void f(eventual<int>& e, bridge& b) { when_all(e, b.submit([] {})); }
//! std::move it
void f(eventual<int>& e, bridge& b) { when_all(b.submit([] {}), e); }
//! std::move it
void f(std::vector<eventual<int>>& all) { when_all(all); }
//! std::move it
void f(std::vector<eventual<int>>& all) { when_any(all); }
//! std::move it
void f(eventual<int>& e) { (void)stash(e); }
//! std::move it
void f(eventual<int>& e) { (void)to_future(e); }
//! std::move it
void f(bridge& b, eventual<int>& e) { when_any(b.submit([] {}), e); }
//! an executor has post(callable)
void f(bridge& b, int& n) { b.submit([] { return 1; }).then(n, [](int) {}); }
//! a function that returns a value
void f(bridge& b) { b.submit([] { return 1; }).then(b, [](int) -> task<int> { co_return 1; }); }

//! a result must be movable
void f(bridge& b) { b.submit([] { return fixed(); }); }
//! a result must be movable
void f(bridge& b) { b.call([] { return fixed(); }); }
//! a result must be movable
task<fixed> f() { co_return fixed(); }
//! a result must be movable
completer<fixed> f() { return {}; }
//! return a value or an lvalue reference
void f(bridge& b, int& n) { b.call([&n]() -> int&& { return std::move(n); }); }

//! std::move it
task<> f(task<int> t) { co_await t; }
//! std::move it
task<> f(deferred<int> d) { co_await d; }
//! a std::future tells nobody
task<> f(std::future<int> later) { co_await std::move(later); }
//! a task can await
task<> f() { co_await seconds(1); }
//! a task can await
task<> f() { co_await std::suspend_always(); }
//! only a task can await
foreign g(task<int> t) { co_await std::move(t); }
//! only a task can await
foreign g() { co_await delay(seconds(1)); }
//! calls the function with nothing
task<> f() { co_await queue_work([](int) {}); }

//! cannot be waited for
void f(bridge& b) { call_or_run(b, []() -> task<> { co_return; }); }
//! steady_clock
void f(bridge& b) { call_until(b, std::chrono::system_clock::now(), [] {}); }
//! takes a point in time
void f(bridge& b) { call_until(b, seconds(1), [] {}); }
//! with its unit
void f(bridge& b) { stop_within(b, 5); }
//! std::move it
void f(bridge& b, deferred<int>& d) { to_eventual(b, d); }
//! takes a function that returns a task
void f(bridge& b) { (void)start<int>(b, [](completer<int>& c) { c.resolve(1); }); }
//! a task's result is in its frame
struct alignas(64) wide {};
task<wide> f() { co_return wide(); }
//! return a pointer
void f(bridge& b, int& n) { when_any(b.submit([&]() -> int& { return n; }), b.submit([] {})); }
//! function takes nothing, or a loop_ref
void f(bridge& b) { b.post([](int) {}); }
//! function takes nothing, or a loop_ref
void f(bridge& b) { b.call([](int) { return 1; }); }
//! function takes nothing, or a loop_ref
void f(bridge& b) { (void)submit_every(b, seconds(1), [](int) {}); }
//! function takes nothing, or a loop_ref
void f(bridge& b) { b.post(5); }
//! pass the function, not what it has returned
void f(bridge& b, task<int> t) { b.submit(std::move(t)); }
//! the wrapped function takes
void f(bridge& b) { wrap(b, [](int) {})("text"); }
//! put arguments into the callable
void f(bridge& b) { b.post([](int) {}, 1); }
//! put arguments into the callable
void f(bridge& b) { b.submit([](int, int) {}, 1, 2); }
//! put arguments into the callable
int f(bridge& b) { return b.call([](int n) { return n; }, 1); }
//! put arguments into the callable
int f(bridge& b) { return b.call_for(seconds(1), [](int n) { return n; }, 1); }
//! with its unit
int f(bridge& b) { return b.call_for([] { return 1; }); }
//! with its unit
int f(bridge& b) { return b.call_for(5, [] { return 1; }); }
//! with its unit
int f(bridge& b) { return b.call_for([] { return 1; }, seconds(1)); }
//! with its unit
void f(bridge& b) { submit_after(b, 5, [] {}); }
//! with its unit
void f(bridge& b) { submit_every(b, 5, [] {}); }
//! with its unit
void f(eventual<int>& e) { e.get_for(5); }
//! with its unit
void f(eventual<int>& e) { e.wait_for(5); }
//! with its unit
void f(reentrant_call& c) { c.call_for(5); }
//! with its unit
task<> f() { co_await delay(5); }
//! with its unit
void f(timer& t) { t.start(5); }
//! with its unit
int f(owned<fixed>& o) { return o.call_for(5, [](fixed&) { return 1; }); }
//! takes H&
void f(owned<fixed>& o) { o.post([](int*) {}); }
//! the function makes the H
void f(bridge& b) { owned<fixed> o(b, [] { return 1; }); }
//! takes nothing, or a loop_ref
void f(bridge& b) { owned<fixed> o(b, [](int) { return fixed(); }); }
//! would be lost
void f(owned<fixed>& o) { o.post([](fixed&) -> task<> { co_return; }); }
//! moves without throwing
void f(owned<fixed>& o, const std::string& s) { (void)o.try_post([s](fixed&) {}); }
//! std::move it
void f(bridge& b, std::unique_ptr<int> p) {
  auto g = [p = std::move(p)] {};
  b.post(g);
}

//! would be lost
void f(bridge& b) { b.post([]() -> task<> { co_return; }); }
//! would be lost
void f(bridge& b, completer<int>& c) { (void)b.try_post([&c] { return c.get_deferred(); }); }
//! would be lost
void f(bridge& b) { b.at_stop([]() -> task<> { co_return; }); }
//! would be lost
void f(bridge& b) { (void)b.post_reentrant([]() -> task<> { co_return; }); }
//! would be lost
void f(bridge& b) { reentrant_call c(b, []() -> task<> { co_return; }); }
//! moves without throwing
void f(bridge& b, const std::string& s) { (void)b.try_post([s] {}); }
//! copies bytes
void f(bridge& b) { (void)b.post_reentrant([](std::string) {}, std::string()); }
//! pass a pointer
void f(bridge& b) { (void)b.post_reentrant([](std::array<char, 99>) {}, std::array<char, 99>()); }
//! the callable must accept
void f(bridge& b) { (void)b.post_reentrant([](int) {}); }
//! the callable must accept
void f(bridge& b) { reentrant_call c(b, [](std::string) {}); }

//! without a cast
void f(completer<int>& c) { c.resolve(std::string()); }
//! without a cast
void f(completer<int>& c) { c.resolve(1, 2); }
//! without a cast
void f(completer<void>& c) { c.resolve(1); }
//! without a cast
void f(completer<int&>& c) { c.resolve(1); }
//! returns what converts
void f(completer<int>& c) { c.resolve_with([] { return std::string(); }); }
//! returns what converts
void f(completer<int>& c) { c.resolve_with(5); }
//! is called with nothing
void f(completer<int>& c) { c.on_cancel([](int) {}); }

//! put a pointer
void f(reentrant_queue<std::string>& q) { (void)q.put_reentrant(std::string()); }
//! values that can be moved
void f(reentrant_queue<fixed>& q) { q.close(); }
//! turn anything else into these
void f(log_sink& l) { (void)l.log(log_level::info, "{}", fixed()); }
//! a literal
void f(log_sink& l, const std::string& text) { (void)l.log(log_level::info, text); }
//! finds no senders
#include <loopbridge/execution.hpp>
//! std::move it
#include <mini_execution.hpp>
#define LOOPBRIDGE_EXECUTION_NAMESPACE mini_execution
#include <loopbridge/execution.hpp>
void f(eventual<int>& e) { as_sender(e); }
//! a time comes first, and with its unit
#include <mini_execution.hpp>
#define LOOPBRIDGE_EXECUTION_NAMESPACE mini_execution
#include <loopbridge/execution.hpp>
void f(bridge& b) { get_scheduler(b).schedule_after(5); }
//! give a number as std::to_string
void f(clients::redis& r) { (void)r.call({"SET", "k", 5}); }
//! a std::string, or a deferred or task of one
void f(clients::nats_rpc& r) { (void)r.serve("a", [](std::string) { return 5; }); }
//! takes a std::string
void f(clients::nats_rpc& r) { (void)r.serve("a", [](int) { return std::string(); }); }
