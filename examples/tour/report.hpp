#pragma once

#include "file_server.hpp"
#include "tally.hpp"
#include "worker.hpp"

namespace tour {

/// The progress line on stderr: rewritten in place on a terminal; elsewhere a new line each time
/// that twice as long has passed.
class progress_line {
 public:
  progress_line();
  ~progress_line();  ///< removes it
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  /// Is it time for the next one?
  bool is_due() const;
  void show(const job_list& jobs, const tallies& t, const file_server::counts& server);

 private:
  const bool terminal_;
  const clock::time_point begun_ = clock::now();
  clock::time_point next_;
};

/// Prints the table on stdout. True: nothing was lost, nothing ran twice, nothing failed.
bool print_report(const tallies& t, const job_list& jobs, std::uint64_t signals,
                  clock::duration time);

}  // namespace tour
