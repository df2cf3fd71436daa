// PostgreSQL: one row, found by its key.
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <loopbridge/clients/pg.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench.hpp"
#include "support/postgres.hpp"

namespace client_bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* query = "SELECT value FROM pairs WHERE key = $1";

/// libpq as its documentation shows it.
class blocking_connection {
 public:
  explicit blocking_connection(int port)
      : connection_(PQconnectdb(("host=127.0.0.1 user=test dbname=postgres sslmode=disable port=" +
                                 std::to_string(port))
                                    .c_str()),
                    PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK)
      throw std::runtime_error(PQerrorMessage(connection_.get()));
  }
  void get() {
    const char* const key = "key";
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer(
        PQexecParams(connection_.get(), query, 1, nullptr, &key, nullptr, nullptr, 0), PQclear);
    if (PQntuples(answer.get()) != 1 || PQgetvalue(answer.get(), 0, 0) != std::string("value"))
      throw std::runtime_error("a wrong answer");
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

class shared_client final : public way {
 public:
  explicit shared_client(const loopbridge::clients::pg_options& o)
      : connections_(static_cast<unsigned>(o.connections)), client_(bridge_, o) {}
  void ask(unsigned) override {
    const auto answer = client_.call_for(5s, {query, {"key"}});
    if (answer.at(0, 0) != "value") throw std::runtime_error("a wrong answer");
  }
  unsigned connections() const override { return connections_; }

 private:
  const unsigned connections_;
  loopbridge::bridge bridge_;
  loopbridge::clients::pg client_;
};

class pg_service final : public service {
 public:
  pg_service() {
    loopbridge::bridge bridge;
    loopbridge::clients::pg db(bridge, server_.options(1));
    db.call("CREATE TABLE pairs (key text PRIMARY KEY, value text)");
    db.call({"INSERT INTO pairs VALUES ($1, $2)", {"key", "value"}});
    db.call("ANALYZE pairs");
  }

  std::string name() const override { return "PostgreSQL, SELECT"; }
  std::vector<contender> contenders() override {
    const auto ours = [this](unsigned connections) {
      auto options = server_.options(static_cast<int>(connections));
      options.parameters = {{"sslmode", "disable"}};
      return std::make_unique<shared_client>(options);
    };
    const int port = server_.port();
    return {
        {"loopbridge, 4 connections at most",
         [ours](unsigned threads) { return ours(std::min(threads, 4u)); }},
        {"a connection each",
         [port](unsigned threads) {
           return std::make_unique<one_each<blocking_connection>>(port, threads);
         }},
        {"one and a mutex",
         [port](unsigned) { return std::make_unique<one_and_a_mutex<blocking_connection>>(port); }},
        {"loopbridge, as many connections", ours}};
  }

 private:
  support::postgres server_;
};

}  // namespace

std::unique_ptr<service> start_pg() {
  return std::make_unique<pg_service>();
}

}  // namespace client_bench
