// A web server of the plain, blocking kind, with a few threads, that downloads by a loop.
// /download?url=http://HOST:PORT/PATH begins one and answers with its number at once; a later
// request, in another thread, asks for /result?id=NUMBER. Usage: downloader serve [PORT]. Without
// arguments it serves a file to itself.

#include <charconv>
#include <cstdio>
#include <exception>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http_get.hpp"
#include "plain_socket.hpp"

using namespace std::chrono_literals;

constexpr std::string_view begins = "/download?url=";
constexpr std::string_view asks = "/result?id=";

std::uint64_t to_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) {
    throw std::runtime_error("not a number: " + std::string(text));
  }
  return number;
}

/// What is at `target` of our server. Called by many threads at once.
std::string page(loopbridge::bridge& bridge, std::string_view target) {
  if (target == "/file") return "this was downloaded\n";
  if (target.starts_with(begins)) {
    target.remove_prefix(begins.size());
    const auto id =
        loopbridge::stash(bridge.submit([url = std::string(target)](loopbridge::loop_ref loop) {
          return download::begin(loop, url);
        }));
    return std::to_string(static_cast<std::uint64_t>(id));
  }
  if (target.starts_with(asks)) {
    target.remove_prefix(asks.size());
    auto result = loopbridge::retrieve<std::string>(loopbridge::result_id{to_number(target)});
    if (result.wait_for(10s)) return std::move(result).get();  // or what went wrong, thrown
    const auto id = loopbridge::stash(std::move(result));
    return "not there yet; it now has number " + std::to_string(static_cast<std::uint64_t>(id));
  }
  throw std::runtime_error("there are /download?url=URL and /result?id=NUMBER");
}

void serve_one(loopbridge::bridge& bridge, const plain::socket& s) noexcept try {
  const std::string request = s.read_until("\r\n\r\n");  // GET TARGET HTTP/1.0
  const auto begin = request.find(' ') + 1;
  std::string status = "200 OK";
  std::string body;
  try {
    body = page(bridge, std::string_view(request).substr(begin, request.find(' ', begin) - begin));
  } catch (const std::exception& e) {
    status = "400 Bad Request";
    body = e.what();
  }
  s.write("HTTP/1.0 " + status + "\r\n\r\n" + body);
} catch (const std::exception& e) {
  std::fprintf(stderr, "downloader: %s\n", e.what());  // the other side has gone
}

/// Until the listener is shut down, which is what accept() throws.
void serve(loopbridge::bridge& bridge, const plain::socket& listener) noexcept try {
  for (;;) serve_one(bridge, listener.accept());
} catch (const std::exception&) {
}

std::string fetch(std::uint16_t port, const std::string& target) {
  const plain::socket s = plain::connect_to(port);
  s.write("GET " + target + " HTTP/1.0\r\n\r\n");
  const std::string reply = s.read_until();
  std::printf("%s: %s\n", target.c_str(), reply.substr(reply.find("\r\n\r\n") + 4).c_str());
  return reply.substr(reply.find("\r\n\r\n") + 4);
}

int main(int argc, char** argv) {
  try {
    loopbridge::bridge bridge;
    std::uint16_t port = argc > 2 ? static_cast<std::uint16_t>(to_number(argv[2])) : 0;
    const plain::socket listener = plain::listen_on(port);
    std::printf("http://127.0.0.1:%d\n", port);
    std::fflush(stdout);
    std::vector<std::jthread> threads;
    for (int n = 0; n < 4; ++n) threads.emplace_back([&] { serve(bridge, listener); });
    const struct at_end {
      const plain::socket& s;
      ~at_end() { s.shut_down(); }  // so that the threads end
    } ends{listener};
    if (argc > 1) threads.clear();  // joins them, and so goes on for ever

    // Ours, of a file that is there and of one that is not.
    const std::string here = "http://127.0.0.1:" + std::to_string(port);
    const std::string good = fetch(port, std::string(begins) + here + "/file");
    const std::string bad = fetch(port, std::string(begins) + here + "/nothing");
    const bool found = fetch(port, std::string(asks) + good) == "this was downloaded\n";
    const bool told = fetch(port, std::string(asks) + bad).find("400 Bad") != std::string::npos;
    return found && told ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "downloader: %s\n", e.what());
    return 1;
  }
}
