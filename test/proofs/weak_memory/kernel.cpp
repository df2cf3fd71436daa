#include "kernel.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <new>
#include <vector>

// What is freed in a run stays as it is until the next one, so that a use of it is found by the
// objects in it, and not by a crash or by nothing.
namespace {

void** graveyard = nullptr;
std::size_t buried = 0;
std::size_t room = 0;

void bury(void* p) {
  if (buried == room) {
    room = room == 0 ? 4096 : room * 2;
    graveyard = static_cast<void**>(std::realloc(graveyard, room * sizeof(void*)));
  }
  graveyard[buried++] = p;
}

void release(void* p) noexcept {
  if (weak::running() && p != nullptr) return bury(p);
  std::free(p);
  while (!weak::running() && buried > 0) std::free(graveyard[--buried]);
}

}  // namespace

// Not inlined, because gcc takes the malloc in one for the mismatch of the delete with the other.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* const p = std::malloc(size != 0 ? size : 1); p != nullptr) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto a = static_cast<std::size_t>(alignment);
  if (void* const p = std::aligned_alloc(a, (size + a - 1) / a * a); p != nullptr) return p;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  release(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  release(p);
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
  release(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  release(p);
}

namespace weak {
namespace {

struct sleeper {
  const void* word;
  bool woken;
};

struct open_handle {
  uv_loop_t* loop = nullptr;
  std::function<void()> callback;
  descriptor* polled = nullptr;
  bool active = false;
  bool referenced = true;
  bool closing = false;
  uv_close_cb closed = nullptr;
};

// Of the run: see renew().
struct {
  std::uint64_t run = 0;
  weak_clock::duration passed{};
  std::deque<sleeper*> sleepers;
  std::map<uv_handle_t*, open_handle> handles;
  std::map<uv_loop_t*, bool> stopping;
} state;

void renew() {
  if (state.run == run_number()) return;
  state.run = run_number();
  state.passed = {};
  state.sleepers.clear();
  state.handles.clear();
  state.stopping.clear();
}

open_handle& of(const void* handle) {
  renew();
  return state.handles[static_cast<uv_handle_t*>(const_cast<void*>(handle))];
}
int open(uv_loop_t* loop, void* handle) {
  of(handle) = {};
  of(handle).loop = loop;
  return 0;
}
template <class Callback, class Handle>
int start_handle(Handle* handle, Callback callback) {
  of(handle).callback = [=] { callback(handle); };
  of(handle).active = true;
  return 0;
}

/// Copies, because callbacks open and close handles.
std::vector<uv_handle_t*> handles_of(uv_loop_t* loop, uv_handle_type type) {
  renew();
  std::vector<uv_handle_t*> found;
  for (auto& [handle, h] : state.handles) {
    if (h.loop == loop && (type == UV_UNKNOWN_HANDLE || handle->type == type)) {
      found.push_back(handle);
    }
  }
  return found;
}
void call_all(uv_loop_t* loop, uv_handle_type type) {
  for (uv_handle_t* const handle : handles_of(loop, type)) {
    if (of(handle).active && !of(handle).closing) of(handle).callback();
  }
}
bool alive(uv_loop_t* loop) {
  for (uv_handle_t* const handle : handles_of(loop, UV_UNKNOWN_HANDLE)) {
    if (of(handle).closing || (of(handle).active && of(handle).referenced)) return true;
  }
  return false;
}

void poll(uv_loop_t* loop, bool may_block) {
  if (state.stopping[loop]) may_block = false;
  descriptor* bell = nullptr;
  for (uv_handle_t* const handle : handles_of(loop, UV_UNKNOWN_HANDLE)) {
    const open_handle& h = of(handle);
    if (h.closing || (handle->type == UV_IDLE && h.active)) may_block = false;
    if (h.polled != nullptr && !h.closing) bell = h.polled;
  }
  if (bell == nullptr) return;
  step();
  if (may_block) block("the doorbell", [bell] { return bell->readable(); });
  if (bell->readable()) {
    bell->read();
  } else {
    yield();  // it turns without work: let others do some
  }
}

void close_closing(uv_loop_t* loop) {
  for (uv_handle_t* const handle : handles_of(loop, UV_UNKNOWN_HANDLE)) {
    if (!of(handle).closing) continue;
    const uv_close_cb closed = of(handle).closed;
    state.handles.erase(handle);
    if (closed != nullptr) closed(handle);
  }
}

}  // namespace

weak_clock::duration& weak_clock::passed() noexcept {
  renew();
  return state.passed;
}

void descriptor::write() {
  step();
  ++here().clocks[self()];
  seen_.join(here());
  ++count_;
}
void descriptor::read() {
  here().join(seen_);
  count_ = 0;
}

void watch(uv_loop_t* loop, uv_handle_t* handle, descriptor* d) {
  handle->type = UV_POLL;
  open(loop, handle);
  of(handle).polled = d;
  of(handle).active = true;
  of(handle).callback = [] {};
}

void futex_sleep(const void* word, const std::function<std::uint32_t()>& newest,
                 std::uint32_t expected, bool has_end, weak_clock::duration end) {
  step();
  renew();
  if (newest() != expected) return;
  sleeper own{word, false};
  state.sleepers.push_back(&own);
  const bool woken = block("the end of a call", [&own] { return own.woken; }, has_end);
  std::erase(state.sleepers, &own);
  if (!woken) state.passed = std::max(state.passed, end);
}

void futex_wake(const void* word) {
  step();
  renew();
  for (sleeper* const s : state.sleepers) {
    if (s->word == word) s->woken = true;
  }
}

}  // namespace weak

// libuv, as far as the core uses it: the phases of a turn in their order.
using namespace weak;

int uv_loop_init(uv_loop_t* loop) {
  renew();
  // As where no descriptor is watched.
  loop->watcher_queue[0] = loop->watcher_queue[1] = &loop->watcher_queue;
  return 0;
}
int uv_backend_fd(const uv_loop_t*) {
  return -1;
}
int uv_loop_close(uv_loop_t* loop) {
  return handles_of(loop, UV_UNKNOWN_HANDLE).empty() ? 0 : UV_EBUSY;
}
void uv_stop(uv_loop_t* loop) {
  state.stopping[loop] = true;
}
uint64_t uv_now(const uv_loop_t*) {
  return 0;
}
int uv_run(uv_loop_t* loop, uv_run_mode mode) {
  renew();
  bool goes_on = alive(loop);
  while (goes_on && !state.stopping[loop]) {
    call_all(loop, UV_PREPARE);
    poll(loop, mode == UV_RUN_DEFAULT);
    call_all(loop, UV_CHECK);
    close_closing(loop);
    goes_on = alive(loop);
    if (mode != UV_RUN_DEFAULT) break;
  }
  state.stopping[loop] = false;
  return goes_on ? 1 : 0;
}
void uv_walk(uv_loop_t* loop, uv_walk_cb callback, void* argument) {
  for (uv_handle_t* const h : handles_of(loop, UV_UNKNOWN_HANDLE)) callback(h, argument);
}
void uv_close(uv_handle_t* handle, uv_close_cb closed) {
  of(handle).closing = true;
  of(handle).closed = closed;
}
int uv_is_closing(const uv_handle_t* handle) {
  return of(handle).closing ? 1 : 0;
}
int uv_is_active(const uv_handle_t*) {
  return 0;  // asked of libuv's watcher of children, and there are none
}
void uv_unref(uv_handle_t* handle) {
  of(handle).referenced = false;
}
int uv_prepare_init(uv_loop_t* loop, uv_prepare_t* handle) {
  handle->type = UV_PREPARE;
  return open(loop, handle);
}
int uv_prepare_start(uv_prepare_t* handle, uv_prepare_cb callback) {
  return start_handle(handle, callback);
}
int uv_check_init(uv_loop_t* loop, uv_check_t* handle) {
  handle->type = UV_CHECK;
  return open(loop, handle);
}
int uv_check_start(uv_check_t* handle, uv_check_cb callback) {
  return start_handle(handle, callback);
}
int uv_idle_init(uv_loop_t* loop, uv_idle_t* handle) {
  handle->type = UV_IDLE;
  return open(loop, handle);
}
int uv_idle_start(uv_idle_t* handle, uv_idle_cb callback) {
  return start_handle(handle, callback);
}
int uv_idle_stop(uv_idle_t* handle) {
  of(handle).active = false;
  return 0;
}
const char* uv_handle_type_name(uv_handle_type) {
  return "handle";
}
const char* uv_err_name(int) {
  return "error";
}
const char* uv_strerror(int) {
  return "error";
}
