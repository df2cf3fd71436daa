#pragma once

namespace bench {

/// What interpose.cpp sees. Cheap: they are in every post that is measured.
void count_call();
void count_write();  ///< a call too
void count_allocation();

}  // namespace bench
