// Fetches the pages that are named, all at once.
#include <cstdio>
#include <loopbridge/clients/http.hpp>
#include <stdexcept>
#include <vector>

int main(int argc, char** argv) try {
  namespace c = loopbridge::clients;
  loopbridge::bridge bridge;
  c::http web(bridge, {.connections_per_host = 50, .redirects = 5});

  std::vector<loopbridge::eventual<c::http_response>> pages;
  for (int n = 1; n < argc; ++n) pages.push_back(web.submit({.url = argv[n]}));

  int failed = 0;
  for (int n = 1; n < argc; ++n) {
    try {
      const c::http_response& page = pages[n - 1].get();
      std::printf("%d %zu bytes %s\n", page.status, page.body.size(), argv[n]);
    } catch (const loopbridge::error& e) {
      std::printf("%s\n", e.what());  // says who, in which phase, when, and whether it was sent
      ++failed;
    }
  }
  return failed;
} catch (const std::invalid_argument& e) {  // what is no URL
  std::printf("%s\n", e.what());
  return 2;
}
