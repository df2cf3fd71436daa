#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace client_bench {

/// One way to ask a server from several threads.
class way {
 public:
  way() = default;
  virtual ~way() = default;
  way(const way&) = delete;
  way& operator=(const way&) = delete;

  /// Asks, and waits for the answer. Called by the threads 0 to n - 1 at once; throws for a
  /// failure.
  virtual void ask(unsigned thread) = 0;
  virtual unsigned connections() const = 0;
};

struct contender {
  std::string name;
  std::function<std::unique_ptr<way>(unsigned threads)> make;
};

/// What is measured at one server. It runs as long as this lives.
class service {
 public:
  service() = default;
  virtual ~service() = default;
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  virtual std::string name() const = 0;
  /// Ours first. The second is what the others are compared with: a connection for each thread.
  virtual std::vector<contender> contenders() = 0;
  /// How often the server has read requests so far, which tells how many it reads at once; 0: it
  /// does not say.
  virtual double reads() { return 0; }
};

std::unique_ptr<service> start_redis();
std::unique_ptr<service> start_pg();

}  // namespace client_bench
