#pragma once

// Uses the templates of the clients' headers, so that a compiler sees each of them at work. Their
// packages are not needed for that.
#include <chrono>
#include <cstdint>
#include <loopbridge/bridge.hpp>
#include <loopbridge/clients/backoff.hpp>
#include <loopbridge/clients/deadlines.hpp>
#include <loopbridge/clients/dns.hpp>
#include <loopbridge/clients/http.hpp>
#include <loopbridge/clients/nats.hpp>
#include <loopbridge/clients/nats_rpc.hpp>
#include <loopbridge/clients/pg.hpp>
#include <loopbridge/clients/redis.hpp>
#include <loopbridge/coroutines/task.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

inline bool use_clients(loopbridge::bridge& b, loopbridge::loop_ref loop) {
  namespace c = loopbridge::clients;
  constexpr std::chrono::seconds soon{1};
  constexpr std::chrono::duration<double, std::milli> very_soon{0.5};

  c::redis r(b, {.host = "localhost"});
  const std::string key = "k";
  bool right = r.call_for(soon, {"GET", key, std::string_view("v")}).is_nil();
  right = right && r.submit_for(very_soon, {"PING"}).get().text() == r.call({"PING"}).text();
  const std::vector<std::string_view> words{"DEL", "k"};
  right = right && r.submit(c::redis_command(words)).get().integer() == 1;

  c::http web(b, {.redirects = 3});
  right = right && web.call_for(soon, {.url = "http://localhost/"}).header("Date").has_value();
  right = right && web.submit_for(very_soon, {.url = "http://localhost/"}).get().status == 200;

  c::dns names(b);
  right = right && names.call_for(soon, "localhost") == names.submit_for(soon, "localhost").get();

  c::pg db(b, {.user = "u"});
  const std::optional<double> none;
  const c::pg_query query("SELECT $1", {1, std::int64_t{-2}, 2.5, 'c', true, nullptr, none, key,
                                        "text", c::pg_parameter::bytes("x")});
  right = right && db.call_for(soon, query).at(0, 0) == db.submit_for(soon, query).get().at(0, "c");
  auto t = db.begin_for(soon, {.read_only = true});
  right = right && t.call_for(soon, query).rows() == t.submit_for(very_soon, query).get().rows();
  t.submit_commit_for(soon).get();
  db.submit_begin_for(very_soon).get().rollback_for(soon);

  c::nats n(b, {.servers = {"nats://localhost"}});
  const auto s = n.subscribe("a", [](const c::nats_message&) {});
  n.flush_for(soon);
  right = right && n.request_for(soon, {.subject = "a"}).data.empty();
  right = right && n.submit_request_for(very_soon, {.subject = "a"}).get().data.empty();
  c::nats_rpc rpc(b);
  const auto same = rpc.serve("a", [](std::string text) { return text; });
  const auto task = rpc.serve_on(
      b, "b", [](std::string text) -> loopbridge::task<std::string> { co_return text; });
  right = right && rpc.remote_call_for(soon, "a", "x") == "x";

  c::deadlines<std::string> due(loop, [](std::string& late) { late.clear(); });
  std::string late = "x";
  due.drop(due.add(std::chrono::steady_clock::now(), late));
  c::backoff pauses;
  return right && pauses.next() < soon;
}
