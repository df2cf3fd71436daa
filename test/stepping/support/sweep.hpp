#pragma once

#include <functional>
#include <string>

#include "stepper.hpp"

/// One operation, run once for each of its instruction boundaries.
namespace stepping {

/// What one sweep saw.
struct report {
  unsigned points = 0;   ///< boundaries at which the nested operation ran; two levels: pairs
  unsigned lost = 0;     ///< accepted calls that did not run
  unsigned doubled = 0;  ///< calls that ran more than once
  unsigned hung = 0;     ///< nested operations that waited in vain
  unsigned refused = 0;  ///< nested operations that were refused
  unsigned stride = 1;   ///< of long ways, one boundary in so many was visited
  bool cut = false;      ///< stepped as far as longest_stepped only

  bool clean() const { return points > 0 && lost == 0 && doubled == 0 && hung == 0; }
};

/// Prints one line, so that each run of the tests says what it covered; tools/stepping reads it.
void print(const std::string& scenario, const report& r);
/// And fails the test case unless it covered something and nothing went wrong.
void print_and_check(const std::string& scenario, const report& r);

/// Are all boundaries to be visited, though it takes minutes (LOOPBRIDGE_STEPPING=full)?
bool full();

/// Runs an operation once with a handler at `at`. False: the handler did not run.
using visit = std::function<bool(const boundary& at)>;

/// Which boundaries of a way are visited. All, unless it is long: then the first ones, where the
/// library's own code mostly is, and of the rest one in so many (and of loops only the first
/// rounds). If full(), no way is long but that of what throws: 20,000 instructions.
struct thinning {
  unsigned all_up_to = 1500;  ///< a way of so many is not long
  unsigned first = 300;
  unsigned rest = 100;
  unsigned offset = 0;         ///< where in the rest to begin
  bool beyond_its_end = true;  ///< step on: the operation may go further another time
};

/// Visits the boundaries of the way that was noted, and perhaps those after it until the operation
/// is over before them. Ends early once `enough()`: something that hangs does so at many
/// boundaries, and each takes its time.
void for_each_boundary(report& r, const path& way, const thinning& thin, const visit& visit,
                       const std::function<bool()>& enough);

/// Ends the process, with the scenario's name, unless it is called again within a minute: for what
/// hangs where no deadline reaches it.
void expect_progress(const std::string& scenario);

}  // namespace stepping
