// A blocking program that uses an event loop without becoming one: it calls a function that only
// begins its work on the loop, and gets the answer like that of any other function.

#include <netdb.h>
#include <uv.h>

#include <chrono>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {

std::string to_text(const addrinfo* address) {
  char text[64] = "";
  uv_ip_name(address->ai_addr, text, sizeof(text));
  return text;
}

}  // namespace

// [readme]
void on_found(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  auto done = loopbridge::completer<std::string>::from(request->data);
  done.guard([&] {  // what it throws, the caller gets
    if (status < 0) throw std::runtime_error(uv_strerror(status));
    done.resolve(to_text(found));
  });
  uv_freeaddrinfo(found);
  delete request;
}

loopbridge::deferred<std::string> look_up(loopbridge::loop_ref loop, std::string host) {
  loopbridge::completer<std::string> done;
  auto answer = done.get_deferred();
  auto* const request = new uv_getaddrinfo_t;
  request->data = done.release();
  const int status = uv_getaddrinfo(loop, request, on_found, host.c_str(), nullptr, nullptr);
  if (status < 0) on_found(request, status, nullptr);
  return answer;
}

std::string address_of(loopbridge::bridge& bridge, std::string host) {
  return bridge.call_for(5s, [host](loopbridge::loop_ref loop) {  // or throws timed_out
    return look_up(loop, host);
  });
}
// [/readme]

int main() {
  try {
    loopbridge::bridge bridge;
    std::printf("localhost is %s\n", address_of(bridge, "localhost").c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "blocking_program: %s\n", e.what());
    return 1;
  }
}
