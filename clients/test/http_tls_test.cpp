// The HTTP client over TLS.
#include <doctest/doctest.h>

#include <string>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/http.hpp"
#include "support/certificate.hpp"
#include "support/nginx.hpp"
#include "support/watchdog.hpp"

namespace {

namespace c = loopbridge::clients;

struct fixture {
  const support::watchdog dog;
  const support::certificate own;
  const support::nginx server{own};
  loopbridge::bridge b;
};

/// Why the request failed, before anything was sent.
doctest::String refusal_of(c::http& web, const std::string& url) {
  try {
    web.get(url);
  } catch (const c::request_error& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(e.phase() == c::phase::connecting);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a server of a trusted authority answers, on a connection that is kept") {
  fixture f;
  c::http web(f.b, {.ca_file = f.own.path()});
  CHECK(web.get(f.server.url("/hello")).body == "hello");
  const std::string number = web.get(f.server.url("/connection")).body;
  const std::string text(1'000'000, 'x');
  CHECK(web.post(f.server.url("/echo"), text, "text/plain").body == text);
  CHECK(web.get(f.server.url("/connection")).body == number);
}

TEST_CASE("a certificate that is not trusted is an error that says so, and nothing was sent") {
  fixture f;
  c::http of_the_system(f.b);
  // A machine that has no ca-certificates trusts nobody: curl says "error setting certificate
  // file".
  CHECK(refusal_of(of_the_system, f.server.url("/hello")) == doctest::Contains("certificate"));
  const support::certificate other;
  c::http of_another(f.b, {.ca_file = other.path()});
  CHECK(refusal_of(of_another, f.server.url("/hello")) == doctest::Contains("certificate problem"));
}

TEST_CASE("a certificate of another name is an error that says so, and nothing was sent") {
  fixture f;
  c::http web(f.b, {.ca_file = f.own.path()});
  std::string url = f.server.url("/hello");
  url.replace(url.find("localhost"), 9, "127.0.0.1");
  CHECK(refusal_of(web, url) == doctest::Contains("target host name '127.0.0.1'"));
}
