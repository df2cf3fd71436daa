// A program that posts.
#include <loopbridge/bridge.hpp>

void count(loopbridge::bridge& b, int* calls) {
  b.post([calls] { ++*calls; });
}
