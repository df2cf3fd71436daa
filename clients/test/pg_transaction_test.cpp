// Transactions of several queries: what they do, how they end, and what others see of them.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loopbridge/bridge.hpp"
#include "loopbridge/clients/pg.hpp"
#include "loopbridge/coroutines/task.hpp"
#include "support/outcome_of.hpp"
#include "support/patience.hpp"
#include "support/postgres.hpp"
#include "support/watchdog.hpp"

namespace {

using namespace std::chrono_literals;
namespace clients = loopbridge::clients;
using clients::outcome;
using support::outcome_of;
using support::the_postgres;

/// A client, with an empty table `t` of numbers, and another client that looks on.
struct scene {
  explicit scene(const clients::pg_options& o = the_postgres().options(1)) : db(bridge, o) {
    other.call("DROP TABLE IF EXISTS t");
    other.call("CREATE TABLE t (n int UNIQUE DEFERRABLE INITIALLY DEFERRED, at serial)");
  }
  std::size_t rows() { return other.call("SELECT * FROM t").rows(); }
  std::string pid() { return std::string(*db.call("SELECT pg_backend_pid()").at(0, 0)); }
  bool is_one_open() {
    return other.call("SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
               .rows() > 0;
  }

  const support::watchdog dog{};
  loopbridge::bridge bridge{};
  clients::pg other{bridge, the_postgres().options(1)};
  clients::pg db;
};

const std::string insert = "INSERT INTO t VALUES ($1)";

TEST_CASE("what a transaction does others see when it is committed, and not before") {
  scene s;
  auto t = s.db.begin_for(support::generous);
  CHECK(t.call_for(support::generous, {insert, {1}}).affected() == 1);
  t.call({insert, {2}});
  CHECK(t.call("SELECT * FROM t").rows() == 2);
  CHECK(s.rows() == 0);
  t.commit_for(support::generous);
  CHECK(s.rows() == 2);
}

TEST_CASE("a transaction that is destroyed is rolled back, and its connection serves the next") {
  scene s;
  const std::string before = s.pid();
  {
    auto t = s.db.begin();
    t.call({insert, {1}});
  }
  CHECK(s.pid() == before);
  CHECK(s.rows() == 0);
}

TEST_CASE("when it has ended its connection serves others, and it refuses with what to do") {
  scene s;
  const std::string before = s.pid();
  for (const bool commit : {false, true}) {
    auto t = s.db.begin();
    t.call({insert, {1}});
    commit ? t.commit() : t.rollback_for(support::generous);
    CHECK(s.pid() == before);
    CHECK(s.rows() == (commit ? 1 : 0));
    for (const auto& late : std::vector<std::function<void()>>{
             [&] { t.call({insert, {2}}); }, [&] { t.commit(); }, [&] { t.rollback(); }}) {
      CHECK_THROWS_WITH_AS(late(), doctest::Contains("begin another one"), clients::request_error);
      CHECK(outcome_of(late) == outcome::not_sent);
    }
  }
}

TEST_CASE("its isolation and whether it may write are options") {
  scene s;
  const auto level = [&](clients::pg_transaction_options how) {
    auto t = s.db.begin(how);
    return std::string(*t.call("SHOW transaction_isolation").at(0, 0)) +
           ", read only: " + std::string(*t.call("SHOW transaction_read_only").at(0, 0));
  };
  using enum clients::pg_isolation;
  CHECK(level({}) == "read committed, read only: off");
  CHECK(level({.isolation = read_committed, .read_only = true}) == "read committed, read only: on");
  CHECK(level({.isolation = repeatable_read}) == "repeatable read, read only: off");
  CHECK(level({.isolation = serializable, .read_only = true}) == "serializable, read only: on");
}

TEST_CASE("its connection serves nobody else; begins and queries wait their turn in one queue") {
  scene s;
  auto first = s.db.begin();
  CHECK_THROWS_WITH_AS(s.db.submit_for(50ms, "SELECT 1").get(),
                       doctest::Contains("1 of the 1 connections"), clients::request_timed_out);
  auto begin = s.db.submit_begin();
  const auto query = s.db.submit("SELECT * FROM t");
  first.commit();
  auto second = std::move(begin).get();
  second.call({insert, {1}});
  CHECK(!query.ready());
  second.commit();
  CHECK(query.get().rows() == 1);
}

TEST_CASE("a begin that is given up in the queue is not sent") {
  scene s;
  const auto running = s.db.submit("SELECT pg_sleep(610)");
  CHECK(outcome_of([&] { (void)s.db.submit_begin_for(50ms).get(); }) == outcome::not_sent);
  const auto unwanted = s.db.submit_begin();
  s.bridge.call([] {});  // now it waits in the client
  CHECK(unwanted.cancel());
  running.cancel();
  s.db.call("SELECT 1");
  CHECK(!s.is_one_open());
}

TEST_CASE("a begin that is given up while it runs leaves no transaction") {
  scene s;
  s.db.call("SELECT 1");  // it is connected
  auto& server = the_postgres().process();
  server.freeze();
  const auto begin = s.db.submit_begin();
  s.bridge.call([] {});  // it is on its way
  CHECK(begin.cancel());
  server.thaw();
  CHECK(s.rows() == 0);
  s.db.call({insert, {1}});
  CHECK(s.rows() == 1);
}

TEST_CASE("a transaction that nobody takes is rolled back") {
  scene s;
  s.db.submit_begin().wait();
  s.db.call({insert, {1}});
  CHECK(s.rows() == 1);
  CHECK(!s.is_one_open());
}

TEST_CASE("a query that is given up is cancelled, and all of its transaction rolled back") {
  for (const bool by_time : {true, false}) {
    scene s;
    const std::string before = s.pid();
    auto t = s.db.begin();
    t.call({insert, {1}});
    const auto slow = t.submit_for(by_time ? 200ms : 100s, "SELECT pg_sleep(611)");
    const auto behind = t.submit({insert, {2}});
    const auto commit = t.submit_commit();
    const auto rollback = t.submit_rollback();
    if (!by_time) {
      REQUIRE(support::comes_true([&] { return support::runs(s.other, "SELECT pg_sleep(611)"); }));
      CHECK(slow.cancel());
    }
    CHECK(outcome_of([&] { behind.get(); }) == outcome::not_sent);
    CHECK(outcome_of([&] { commit.get(); }) == outcome::not_sent);
    CHECK_NOTHROW(rollback.get());
    if (by_time) CHECK(outcome_of([&] { slow.get(); }) == outcome::unknown);
    CHECK_THROWS_WITH_AS(t.call("SELECT 1"), doctest::Contains("given up"), clients::request_error);
    CHECK_NOTHROW(t.rollback());
    CHECK(s.pid() == before);  // which waits for the end of the transaction
    CHECK(s.rows() == 0);
  }
}

TEST_CASE("a query whose time is up behind another one of the transaction is not sent") {
  scene s;
  auto t = s.db.begin();
  const auto slow = t.submit("SELECT pg_sleep(0.3)");
  CHECK(outcome_of([&] { t.submit_for(20ms, {insert, {1}}).get(); }) == outcome::not_sent);
  slow.get();
  t.commit();
  CHECK(s.rows() == 0);
}

TEST_CASE("the commit of a transaction in which a query has failed fails") {
  scene s;
  const std::string before = s.pid();
  auto t = s.db.begin();
  t.call({insert, {1}});
  CHECK_THROWS_AS(t.call("SELECT 1 / 0"), clients::pg_error);
  try {
    t.call("SELECT 1");
    FAIL("it was answered");
  } catch (const clients::pg_error& e) {
    CHECK(e.sqlstate() == "25P02");
  }
  const auto commit = t.submit_commit();
  CHECK_THROWS_WITH_AS(commit.get(), doctest::Contains("rolled"), clients::request_error);
  CHECK(outcome_of([&] { commit.get(); }) == outcome::answered);
  CHECK(s.pid() == before);
  CHECK(s.rows() == 0);
}

TEST_CASE("what is rolled back to a savepoint does not fail the transaction") {
  scene s;
  auto t = s.db.begin();
  t.call({insert, {1}});
  t.call("SAVEPOINT here");
  CHECK_THROWS_AS(t.call("SELECT 1 / 0"), clients::pg_error);
  t.call("ROLLBACK TO SAVEPOINT here");
  t.call({insert, {2}});
  t.commit();
  CHECK(s.rows() == 2);
}

TEST_CASE("a constraint that does not hold at the commit fails it, with the server's words") {
  scene s;
  auto t = s.db.begin();
  t.call({insert, {1}});
  t.call({insert, {1}});
  CHECK_THROWS_WITH_AS(t.commit(), doctest::Contains("duplicate key"), clients::pg_error);
  CHECK(s.db.call("SELECT * FROM t").rows() == 0);
}

TEST_CASE("COMMIT and ROLLBACK as queries fail, and say what they have done") {
  scene s;
  const std::string before = s.pid();
  for (const std::string word : {"ROLLBACK", "COMMIT"}) {
    auto t = s.db.begin();
    t.call({insert, {1}});
    const auto ending = t.submit(word);
    CHECK_THROWS_WITH_AS(ending.get(), doctest::Contains(("by " + word + ": end").c_str()),
                         clients::request_error);
    CHECK(outcome_of([&] { ending.get(); }) == outcome::answered);
    CHECK(outcome_of([&] { t.commit(); }) == outcome::not_sent);
    CHECK(s.rows() == (word == "COMMIT" ? 1 : 0));
    CHECK(s.pid() == before);
  }
}

TEST_CASE("a transaction that is given no query for long is rolled back; one that works is not") {
  auto options = the_postgres().options(1);
  options.transaction_idle = 100ms;
  scene s(options);
  auto t = s.db.begin();
  t.call("SELECT pg_sleep(0.3)");
  t.call({insert, {1}});
  CHECK(s.db.call("SELECT * FROM t").rows() == 0);  // waits for the connection
  CHECK_THROWS_WITH_AS(t.call("SELECT 1"), doctest::Contains("transaction_idle"),
                       clients::request_error);
}

TEST_CASE("queries of several threads run one after the other, in the order of each") {
  scene s;
  auto t = s.db.begin();
  {
    std::vector<std::jthread> threads;
    for (int first : {0, 100}) {
      threads.emplace_back([&t, first]() noexcept {
        std::vector<loopbridge::eventual<clients::pg_answer>> all;
        for (int n = first; n < first + 50; ++n) all.push_back(t.submit({insert, {n}}));
        for (const auto& one : all) one.wait();
      });
    }
  }
  t.commit();
  CHECK(s.rows() == 100);
  CHECK(s.other
            .call("SELECT 1 FROM t a, t b WHERE a.n < b.n AND a.at > b.at AND "
                  "a.n / 100 = b.n / 100")
            .rows() == 0);
}

TEST_CASE("a task on the loop has a transaction of its own") {
  scene s;
  const auto rows = s.bridge.call([&]() -> loopbridge::task<std::size_t> {
    auto t = co_await s.db.submit_begin_for(support::generous);
    clients::pg_query first(insert, {1});
    co_await t.submit(first);
    const auto seen = co_await t.submit("SELECT * FROM t");
    co_await t.submit_commit_for(support::generous);
    co_return seen.rows();
  });
  CHECK(rows == 1);
  CHECK(s.rows() == 1);
}

TEST_CASE("a query that libpq refuses was not sent, and the transaction goes on") {
  scene s;
  auto t = s.db.begin();
  t.call({insert, {1}});
  const clients::pg_query bad("SELECT 1", std::vector<clients::pg_parameter>(70'000, 1));
  CHECK(outcome_of([&] { t.call(bad); }) == outcome::not_sent);
  CHECK_THROWS_AS(t.call(std::string("SELECT 1\0", 9)), std::invalid_argument);
  t.commit();
  CHECK(s.rows() == 1);
}

}  // namespace
