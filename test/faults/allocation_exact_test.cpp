// The same with calls that are not recycled: each has memory of its own, so that each allocation
// can fail, and a single block that was left behind is seen. These definitions take the place of
// the library's.
#define LOOPBRIDGE_PLAIN_BLOCKS 1
#include "../../src/call/blocks.cpp"
#include "allocation_test.cpp"
