#pragma once

#include <nats/nats.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "loopbridge/clients/backoff.hpp"
#include "loopbridge/clients/nats.hpp"

namespace loopbridge::clients {

/// A subscription, over all connections that it lives through.
class nats_sub {
 public:
  std::string subject;
  std::string queue;
  /// Called on nats.c's thread; it hands the message on.
  std::function<void(nats_message&&)> deliver;
  /// Is this the handler's loop?
  std::function<bool()> is_here;
  std::atomic<bool> closed = false;  ///< deliver() need not be called any more
  std::atomic<std::uint64_t> dropped = 0;

  /// A message goes to the handler's loop. False: so many wait there already.
  bool arrive(std::size_t limit) {
    const std::lock_guard held(mutex_);
    if (waiting_ >= limit) return false;
    ++waiting_;
    return true;
  }
  /// The handler has returned.
  void leave() noexcept {
    const std::lock_guard held(mutex_);
    --waiting_;
    all_left_.notify_all();
  }
  /// False: the time was up.
  bool wait_until_all_left(std::chrono::steady_clock::time_point until) {
    std::unique_lock held(mutex_);
    return all_left_.wait_until(held, until, [&] { return waiting_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_left_;
  std::size_t waiting_ = 0;
};

/// A message on its way from the loop to the link's thread.
struct nats_job {
  enum class kind { publish, request, flush };
  /// Who moves it on from `waiting` by an exchange decides: the link's thread, which sends it then,
  /// or the loop, which has given it up. Back to `waiting`: the link's thread, where nothing was
  /// sent and the loop has not given it up meanwhile.
  enum class step { waiting, taken, dropped };

  kind what;
  nats_message message;
  std::string token;  ///< of a request: the end of the subject that its answer comes to
  std::chrono::steady_clock::time_point due;
  std::atomic<step> at = step::waiting;

  bool take() noexcept { return move(step::waiting, step::taken); }
  bool give_back() noexcept { return move(step::taken, step::waiting); }
  /// True: it was not sent, and will not be.
  bool drop() noexcept { return at.exchange(step::dropped) == step::waiting; }

 private:
  bool move(step from, step to) noexcept { return at.compare_exchange_strong(from, to); }
};

/// Why a job failed, for the loop.
struct nats_failure {
  outcome result;
  phase reached;
  std::string why;
};

/// The connection, made again whenever it is lost, and the thread that does this and all that may
/// block. Any thread may use it; it lives until that thread has ended.
///
/// nats.c can connect again by itself, and can be driven by an event loop. It does neither here.
/// Its event loop has the first connect block the loop's thread; it remembers a half-read message
/// beyond the connection; a lock that its writes are made under makes the loop wait. Its
/// reconnecting keeps what it could not send, however late it is, and gives up for good when a
/// password is refused twice. A connection that is used once has none of this.
class nats_link : public std::enable_shared_from_this<nats_link> {
 public:
  using job_ptr = std::shared_ptr<nats_job>;
  /// What becomes of a job: called on the link's thread. Nothing: it was sent. Must not throw.
  using on_ended = std::function<void(const job_ptr&, std::optional<nats_failure>)>;

  nats_link(nats_options options, on_ended ended);
  ~nats_link();

  void start();
  void push(job_ptr job);
  void subscribe(std::shared_ptr<nats_sub> sub);
  void unsubscribe(const std::shared_ptr<nats_sub>& sub) noexcept;
  /// False: the time was up.
  bool drain(const std::shared_ptr<nats_sub>& sub, std::chrono::steady_clock::time_point until);
  void close() noexcept;

  const std::string& inbox() const noexcept { return inbox_; }
  const std::string& peer() const noexcept { return peer_; }
  bool is_connected() const noexcept { return connected_; }
  /// Why there is no connection; empty where there is one, or none was tried.
  std::string trouble() const;

 private:
  /// A subscription on one connection: what nats.c's callbacks get. Lives until nats.c has done
  /// with it.
  struct instance {
    nats_link* link;
    std::shared_ptr<nats_sub> sub;  ///< null: a zombie's, which keeps no handler
    /// The same, for on_message(): the link's thread may take the one above away meanwhile.
    const std::weak_ptr<nats_sub> listener;
    natsSubscription* native = nullptr;
    bool ending = false;
    bool over = false;  ///< no callback comes any more
  };
  using lock = std::unique_lock<std::mutex>;

  /// For what may be a handler's end: that destroys what the program has put into it, which may be
  /// another subscription of this link, and that takes the lock.
  template <class F>
  static void without_lock(lock& held, F&& f) {
    held.unlock();
    f();
    held.lock();
  }
  static constexpr std::size_t longest_trouble = 500;

  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* at);
  static void on_complete(void* at);
  static void on_closed(natsConnection*, void* self);

  void run() noexcept;
  void work();
  bool connect();
  void disconnect(lock& held);
  void follow_subscriptions(lock& held);
  natsStatus subscribe_native(instance& i) noexcept;
  bool send(const job_ptr& job) noexcept;
  natsStatus write(nats_job& job);
  void refuse_all(const nats_failure& why);
  void set_trouble(std::string_view text) noexcept;

  const nats_options options_;
  const on_ended ended_;
  const std::string inbox_;
  const std::string peer_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<job_ptr> jobs_;
  std::map<nats_sub*, std::shared_ptr<nats_sub>> subs_;
  std::list<instance> instances_;  ///< changed by the link's thread alone
  std::list<instance> zombies_;    ///< of which nats.c does not say when it has done with them
  std::string trouble_;
  bool closing_ = false;
  bool subs_changed_ = false;
  bool lost_ = false;  ///< nats.c has closed the connection
  std::atomic<bool> connected_ = false;

  natsConnection* connection_ = nullptr;  // this and the rest: the link's thread
  bool broken_ = false;  ///< nats.c is about to close it, or it lacks what there was no memory for
  natsOptions* const native_options_;
  backoff backoff_;
};

}  // namespace loopbridge::clients
