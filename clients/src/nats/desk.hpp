#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "link.hpp"
#include "loopbridge/clients/deadlines.hpp"
#include "loopbridge/results/deferred.hpp"

namespace loopbridge::clients {

/// Where other threads find the desk: on the loop, if it is still there.
struct nats_desk_place {
  class nats_desk* desk = nullptr;
};

/// The loop's side of a client of NATS: what waits for an answer, or to be sent, until when.
class nats_desk {
 public:
  nats_desk(loop_ref loop, std::shared_ptr<nats_link> link, std::shared_ptr<nats_desk_place> place,
            std::size_t limit);
  ~nats_desk();
  nats_desk(const nats_desk&) = delete;
  nats_desk& operator=(const nats_desk&) = delete;

  deferred<nats_message> request(nats_message message, std::chrono::steady_clock::time_point since,
                                 std::chrono::steady_clock::time_point due);
  /// Of kind publish or flush.
  deferred<void> send(nats_job::kind what, nats_message message,
                      std::chrono::steady_clock::time_point since,
                      std::chrono::steady_clock::time_point due);

  /// What the link says of a job.
  void ended(const nats_job* job, const std::optional<nats_failure>& failure);
  void answered(nats_message&& answer);

 private:
  struct entry {
    std::shared_ptr<nats_job> job;
    std::chrono::steady_clock::time_point since;
    deadlines<entry>::entry deadline;
    completer<nats_message> answer;
    completer<void> sent;

    void reject(std::exception_ptr why);
  };
  using entry_ptr = std::shared_ptr<entry>;

  entry_ptr start(nats_job::kind what, nats_message&& message, std::string token,
                  std::chrono::steady_clock::time_point since,
                  std::chrono::steady_clock::time_point due);
  void enqueue(const entry_ptr& e);
  entry_ptr take(const nats_job* job);
  template <class Error>
  std::exception_ptr error_of(const entry& e, outcome result, phase reached,
                              std::string_view why) const;
  std::exception_ptr timed_out(const entry& e) const;

  const std::size_t limit_;
  const std::shared_ptr<nats_link> link_;
  const std::shared_ptr<nats_desk_place> place_;
  deadlines<entry> deadlines_;
  std::unordered_map<const nats_job*, entry_ptr> entries_;
  std::unordered_map<std::string, const nats_job*> requests_;  ///< by token
  std::uint64_t last_token_ = 0;
};

}  // namespace loopbridge::clients
