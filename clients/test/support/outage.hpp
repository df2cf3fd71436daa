#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "support/server.hpp"

namespace support {

/// What 4 threads saw that sent requests while the server was killed, restarted and frozen.
struct outage_report {
  std::map<std::string, int> errors;  ///< how many of each kind
  int answers = 0;
  int without_error = 0;  ///< failed with what is no loopbridge::error
  std::chrono::milliseconds longest_over_deadline{0};
  /// How long the machine itself kept threads waiting meanwhile, at the longest.
  std::chrono::milliseconds longest_stall{0};
  /// From when the server answered again to when each thread had an answer: the longest.
  std::chrono::milliseconds longest_recovery{0};
};

inline constexpr std::chrono::milliseconds outage_deadline{500};

/// Sends requests from 4 threads, each as soon as its last one has ended, while `s`, which runs, is
///   killed, and started again once every thread has failed;
///   frozen, and thawed once every thread has failed;
///   killed and started again at once.
/// After each it waits until every thread has an answer again. `request` sends one request, with
/// outage_deadline, and throws what becomes of it. Prints a line of the report, which starts with
/// `name`.
outage_report run_outage(const std::string& name, server& s, const std::function<void()>& request);

/// The bounds that hold for all clients, but for what the machine itself stood still: no request
/// later than its deadline by more than 50 ms (500 where sanitizers or valgrind slow the program),
/// each failure an error of ours, recovery in 2 s.
void check(const outage_report& report);

}  // namespace support
