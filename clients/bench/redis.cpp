// Redis: GET of a short value.
#include <hiredis/hiredis.h>

#include <chrono>
#include <loopbridge/clients/redis.hpp>
#include <loopbridge/loopbridge.hpp>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "bench.hpp"
#include "support/redis_server.hpp"

namespace client_bench {
namespace {

using namespace std::chrono_literals;

struct free_context {
  void operator()(redisContext* c) const noexcept { redisFree(c); }
};
struct free_reply {
  void operator()(void* r) const noexcept { freeReplyObject(r); }
};

/// hiredis as its documentation shows it.
class blocking_connection {
 public:
  explicit blocking_connection(int port) : context_(redisConnect("127.0.0.1", port)) {
    if (!context_ || context_->err != 0) throw std::runtime_error("hiredis cannot connect");
  }
  std::string ask(const char* command) {
    const std::unique_ptr<void, free_reply> answer(redisCommand(context_.get(), command));
    if (!answer) throw std::runtime_error(context_->errstr);
    const auto& reply = *static_cast<const redisReply*>(answer.get());
    return std::string(reply.str, reply.len);
  }
  void get() {
    if (ask("GET key") != "value") throw std::runtime_error("a wrong answer");
  }

 private:
  std::unique_ptr<redisContext, free_context> context_;
};

class shared_client final : public way {
 public:
  explicit shared_client(const loopbridge::clients::redis_options& o) : client_(bridge_, o) {}
  void ask(unsigned) override {
    if (client_.call_for(5s, {"GET", "key"}).text() != "value")
      throw std::runtime_error("a wrong answer");
  }
  unsigned connections() const override { return 1; }

 private:
  loopbridge::bridge bridge_;
  loopbridge::clients::redis client_;
};

class redis_service final : public service {
 public:
  redis_service() { asks_.ask("SET key value"); }

  std::string name() const override { return "Redis, GET"; }
  std::vector<contender> contenders() override {
    const auto at = server_.options();
    return {{"loopbridge", [at](unsigned) { return std::make_unique<shared_client>(at); }},
            {"a connection each",
             [at](unsigned threads) {
               return std::make_unique<one_each<blocking_connection>>(at.port, threads);
             }},
            {"one and a mutex", [at](unsigned) {
               return std::make_unique<one_and_a_mutex<blocking_connection>>(at.port);
             }}};
  }
  double reads() override {
    const std::string all = asks_.ask("INFO stats"), wanted = "total_reads_processed:";
    const auto at = all.find(wanted);
    return at == std::string::npos ? 0 : std::stod(all.substr(at + wanted.size()));
  }

 private:
  support::redis_server server_;
  blocking_connection asks_{server_.options().port};
};

}  // namespace

std::unique_ptr<service> start_redis() {
  return std::make_unique<redis_service>();
}

}  // namespace client_bench
