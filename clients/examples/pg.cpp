// Orders of four threads, each a transaction, over two connections to PostgreSQL:
// pg USER [HOST [PORT [PASSWORD]]].
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <loopbridge/clients/pg.hpp>
#include <loopbridge/loopbridge.hpp>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using loopbridge::clients::pg;

void order(pg& db, int count) noexcept {
  try {
    auto t = db.begin_for(500ms);  // which is rolled back if what follows throws
    t.call_for(500ms, {"INSERT INTO orders VALUES ($1, $2)", {"pears", count}});
    t.call_for(500ms, {"UPDATE stock SET count = count - $1 WHERE what = $2", {count, "pears"}});
    t.commit_for(500ms);
  } catch (const loopbridge::clients::pg_error& e) {  // the server's own words
    std::printf("refused: %s (%s)\n", e.what(), e.sqlstate().c_str());
  } catch (const loopbridge::error& e) {  // and whether it may have been executed
    std::printf("%s\n", e.what());
  }
}

int main(int argc, char** argv) try {
  loopbridge::bridge bridge;
  pg db(bridge, {.host = argc > 2 ? argv[2] : "127.0.0.1",
                 .port = argc > 3 ? std::atoi(argv[3]) : 5432,
                 .user = argc > 1 ? argv[1] : "",
                 .password = argc > 4 ? argv[4] : "",
                 .database = "postgres",
                 .connections = 2});
  db.call("CREATE TABLE IF NOT EXISTS orders (what text, count int)");
  db.call("CREATE TABLE IF NOT EXISTS stock (what text PRIMARY KEY, count int CHECK (count >= 0))");
  db.call("INSERT INTO stock VALUES ('pears', 100) ON CONFLICT DO NOTHING");
  std::vector<std::thread> buyers;
  for (int n = 1; n <= 4; ++n) buyers.emplace_back(order, std::ref(db), n);
  for (std::thread& b : buyers) b.join();
  const auto sum = db.call({"SELECT sum(count) FROM orders WHERE what = $1", {"pears"}});
  std::printf("pears ordered: %s\n", std::string(sum.at(0, 0).value_or("0")).c_str());
} catch (const loopbridge::error& e) {
  std::printf("%s\n", e.what());
  return 1;
}
