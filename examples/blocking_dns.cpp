// libuv's resolver as an ordinary function: look_up("localhost") returns the addresses, throws what
// went wrong, and waits for no longer than its deadline. Usage: blocking_dns [NAME...]

#include <netdb.h>
#include <uv.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using addresses = std::set<std::string>;

struct query {
  uv_getaddrinfo_t request{};
  loopbridge::completer<addresses> done;
  std::shared_ptr<query> self;  // libuv's hold of it, until the callback
};

void on_found(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  const auto q = std::move(static_cast<query*>(request->data)->self);
  q->done.guard([&] {  // what is thrown in here, the caller gets
    if (status < 0) throw std::runtime_error(uv_strerror(status));
    addresses all;
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
      char text[64] = "";
      uv_ip_name(a->ai_addr, text, sizeof(text));
      all.insert(text);
    }
    q->done.resolve(std::move(all));
  });
  uv_freeaddrinfo(found);
}

loopbridge::deferred<addresses> begin_look_up(loopbridge::loop_ref loop, const std::string& name) {
  const auto q = std::make_shared<query>();
  const int status = uv_getaddrinfo(loop, &q->request, on_found, name.c_str(), nullptr, nullptr);
  if (status < 0) throw std::runtime_error(uv_strerror(status));
  q->request.data = q.get();
  q->self = q;
  // The deadline is over. If the query has not begun it is dropped; else its answer comes too late,
  // which does no harm.
  q->done.on_cancel([q] { uv_cancel(reinterpret_cast<uv_req_t*>(&q->request)); });
  return q->done.get_deferred();
}

// It runs on the default bridge, which is made by the first call.
const auto look_up = loopbridge::wrap_blocking(10s, begin_look_up);

int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty()) names = {"localhost", "127.0.0.1"};
  int failed = 0;
  for (const std::string& name : names) {
    try {
      std::string line = name + ":";
      for (const std::string& address : look_up(name)) line += " " + address;
      std::puts(line.c_str());
    } catch (const loopbridge::timed_out&) {
      std::printf("%s: no answer in 10 s\n", name.c_str());
      ++failed;
    } catch (const std::exception& e) {
      std::printf("%s: %s\n", name.c_str(), e.what());
      ++failed;
    }
  }
  return failed == 0 ? 0 : 1;
}
