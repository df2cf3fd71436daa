#pragma once

#include <netinet/in.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <loopbridge/bridge.hpp>
#include <loopbridge/handlers/reentrant_call.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async_io.hpp"
#include "tally.hpp"

namespace tour {

/// What the workers share: which file comes next, and what has become of those before.
class job_list {
 public:
  /// `rounds` times all files; 0: for as long as `time`, but all files at least once.
  job_list(std::vector<std::string> files, std::uint64_t rounds, clock::duration time);

  /// The index of the next file to fetch; none: the work is done, or has failed.
  std::optional<std::size_t> next() noexcept;
  const std::string& path(std::size_t index) const { return files_[index]; }

  void verified(std::uint64_t bytes) noexcept;
  void file_done() noexcept;
  /// Something went wrong: the workers end after the files that they are at.
  void fail(std::string message);

  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t files_done() const noexcept { return done_.load(std::memory_order_relaxed); }
  std::vector<std::string> failures() const;

 private:
  const std::vector<std::string> files_;
  const std::uint64_t rounds_;
  const clock::time_point until_;
  std::atomic<std::uint64_t> next_{0}, bytes_{0}, done_{0};
  std::atomic<bool> failed_{false};
  mutable std::mutex failing_;  ///< guards failures_
  std::vector<std::string> failures_;
};

/// A connection in the hands of a blocking thread; its destructor has the loop close it.
class connection {
 public:
  connection(loopbridge::bridge& b, async::socket_ptr s, tally& t);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  const async::socket_ptr& socket() const { return socket_; }

 private:
  async::socket_ptr socket_;
  tally& tally_;
  loopbridge::reentrant_call closing_;  ///< paid for here, so that the destructor cannot fail
};

/// A blocking thread that fetches files from the server and compares them with what is on disk.
/// All I/O is asynchronous, on a bridge's loop; it reads like a blocking program nevertheless.
class worker {
 public:
  worker(loopbridge::bridge& client, sockaddr_in server, job_list& jobs, tallies& t)
      : client_(client), server_(server), jobs_(jobs), tallies_(t) {}

  /// Fetches until there are no more jobs. Throws what went wrong.
  void run();

 private:
  void fetch(std::size_t index);
  std::uint64_t receive_size();
  async::bytes receive(std::uint64_t at_most);
  void compare(const async::file_ptr& original, std::uint64_t offset, async::bytes received);

  /// One of the functions of `async`, on the loop and awaited.
  template <class F, class... Args>
  auto call(tally& t, F f, Args... args);

  loopbridge::bridge& client_;
  const sockaddr_in server_;
  job_list& jobs_;
  tallies& tallies_;
  std::optional<connection> connection_;
  async::bytes unread_;  ///< received, and not yet looked at
};

}  // namespace tour
