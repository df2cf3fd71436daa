#pragma once

#include <functional>
#include <memory>
#include <mutex>
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

/// What users do without a loop. A `Connection` is made for a port; its get() asks, and waits.
template <class Connection>
class one_each final : public way {
 public:
  one_each(int port, unsigned threads) {
    for (unsigned n = 0; n < threads; ++n) all_.push_back(std::make_unique<Connection>(port));
  }
  void ask(unsigned thread) override { all_[thread]->get(); }
  unsigned connections() const override { return static_cast<unsigned>(all_.size()); }

 private:
  std::vector<std::unique_ptr<Connection>> all_;
};

template <class Connection>
class one_and_a_mutex final : public way {
 public:
  explicit one_and_a_mutex(int port) : connection_(port) {}
  void ask(unsigned) override {
    const std::lock_guard lock(mutex_);
    connection_.get();
  }
  unsigned connections() const override { return 1; }

 private:
  std::mutex mutex_;
  Connection connection_;
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
