// The client of NATS over TLS.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "loopbridge/clients/nats.hpp"
#include "support/certificate.hpp"
#include "support/nats_server.hpp"
#include "support/patience.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace c = loopbridge::clients;

struct fixture {
  std::string url(const std::string& scheme, const std::string& host) const {
    return scheme + host + ":" + std::to_string(server.port());
  }

  const support::watchdog dog;
  const support::certificate own;
  const support::nats_server server{"tls { cert_file: \"" + own.path() + "\", key_file: \"" +
                                    own.key() + "\" }"};
  loopbridge::bridge b;
};

/// Why there was no connection.
doctest::String trouble_of(c::nats& n) {
  try {
    n.flush_for(200ms);
  } catch (const c::request_timed_out& e) {
    CHECK(e.result() == c::outcome::not_sent);
    CHECK(e.phase() == c::phase::connecting);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a server of a trusted authority is spoken to by TLS, whatever its URL begins with") {
  fixture f;
  for (const char* scheme : {"tls://", "nats://", ""}) {
    c::nats n(f.b, {.servers = {f.url(scheme, "localhost")}, .ca_file = f.own.path()});
    CHECK_THROWS_AS(n.request_for(support::generous, {.subject = "nobody"}), c::no_responders);
  }
}

TEST_CASE(
    "a certificate that is not trusted, or of another name, is no connection: it is said why") {
  fixture f;
  c::nats of_the_system(f.b, {.servers = {f.url("tls://", "localhost")}});
  CHECK(trouble_of(of_the_system) == doctest::Contains("timed out (SSL handshake error: 18:"));
  c::nats of_another_name(f.b,
                          {.servers = {f.url("tls://", "127.0.0.1")}, .ca_file = f.own.path()});
  CHECK(trouble_of(of_another_name) == doctest::Contains("IP address mismatch"));
}

TEST_CASE("where TLS is wanted, a server without it is no connection") {
  fixture f;
  const support::nats_server plain;
  const std::string url = "localhost:" + std::to_string(plain.port());
  c::nats by_url(f.b, {.servers = {"tls://" + url}});
  CHECK(trouble_of(by_url) == doctest::Contains("Secure Connection not available"));
  c::nats by_file(f.b, {.servers = {"nats://" + url}, .ca_file = f.own.path()});
  CHECK(trouble_of(by_file) == doctest::Contains("Secure Connection not available"));
  CHECK_THROWS_WITH_AS(c::nats(f.b, {.ca_file = "/none"}), doctest::Contains("ca_file '/none'"),
                       std::invalid_argument);
}
