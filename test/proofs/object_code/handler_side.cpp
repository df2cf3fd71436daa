#include <chrono>
#include <cstdint>
#include <string_view>

#include "loopbridge/handlers/reentrant_queue.hpp"
#include "loopbridge/log/log_sink.hpp"
#include "loopbridge/loopbridge.hpp"

// Every function that the headers say a handler may call, instantiated from them: the public ones,
// then the parts, since those might be called from elsewhere tomorrow. check.py starts here.

using loopbridge::status;
namespace detail = loopbridge::detail;

extern "C" {
status handler_post_value(loopbridge::bridge& b, std::int64_t* sum) noexcept {
  return b.post_reentrant([sum](std::int64_t n) { *sum += n; }, std::int64_t{1});
}
status handler_post(loopbridge::bridge& b, std::int64_t* sum) noexcept {
  return b.post_reentrant([sum] { ++*sum; });
}
void handler_stop(loopbridge::bridge& b) noexcept {
  b.stop_reentrant();
}
bool handler_stopped(const loopbridge::bridge& b) noexcept {
  return b.stop_requested();
}
bool handler_on_loop_thread(const loopbridge::bridge& b) noexcept {
  return b.on_loop_thread();
}
status handler_fire(loopbridge::reentrant_call& c) noexcept {
  return c.post();
}
status handler_fire_and_wait(loopbridge::reentrant_call& c, std::int64_t ms) noexcept {
  return c.call_for(std::chrono::milliseconds(ms));
}
status handler_fire_and_wait_coarse(loopbridge::reentrant_call& c, double hours) noexcept {
  return c.call_for(std::chrono::duration<double, std::ratio<3600>>(hours));
}
std::uint64_t handler_coalesced(const loopbridge::reentrant_call& c) noexcept {
  return c.coalesced();
}
const char* handler_status_name(status s) noexcept {
  return loopbridge::to_string(s);
}

bool handler_choose(loopbridge::bridge_group& g, int key) noexcept {
  return &g.next() == &g.by_key(key) && g.begin() + g.size() == g.end() && &g[0] == g.begin();
}

status handler_put(loopbridge::reentrant_queue<std::int64_t>& q, std::int64_t n) noexcept {
  return q.put_reentrant(n);
}
bool handler_close_queue(loopbridge::reentrant_queue<std::int64_t>& q) noexcept {
  q.close();
  return q.closed();
}

status handler_log(loopbridge::log_sink& l, const char* text, double number, int error) noexcept {
  return l.log(loopbridge::log_level::info, "{} {} {} {} {} {} {}", text, number, 1.5F, error,
               std::string_view("text"), true, loopbridge::log_errno{error});
}
status handler_log_others(loopbridge::log_sink& l, char c, std::uint64_t n) noexcept {
  return l.log(loopbridge::log_level::info, "{} {} {}", c, n, static_cast<const void*>(&l));
}
status handler_flush(loopbridge::log_sink& l, std::int64_t ms) noexcept {
  return l.flush(std::chrono::milliseconds(ms));
}
std::uint64_t handler_dropped(const loopbridge::log_sink& l) noexcept {
  return l.dropped();
}

status handler_submit(detail::loop_core& c, detail::operation& n) noexcept {
  return c.submit(n);
}
bool handler_push(detail::submission_list<detail::operation>& l, detail::operation& n) noexcept {
  return l.push(n);
}
bool handler_close(detail::submission_list<detail::operation>& l) noexcept {
  return l.close() && l.closed();
}
void handler_wake(detail::loop_core& c) noexcept {
  c.wake();
}
bool handler_wait(detail::completion& c, const detail::process_mark& process) noexcept {
  return c.wait(detail::deadline_after(std::chrono::seconds(1)), process) && c.release_handle();
}
bool handler_publish(detail::completion& c) noexcept {
  return c.publish(detail::completion::running, true);
}
bool handler_process(const detail::loop_core& c) noexcept {
  return c.is_this_process() && c.on_loop_thread() && c.is_closed();
}
}
