// The pipe, where the library itself has an eventfd: these definitions take the place of its own.
#include "../../src/platform/posix_wakeup_fd.cpp"
#include "doorbell_test.cpp"

TEST_CASE("this is the pipe") {
  adopted a;
  CHECK(a.doorbell().size() == 2);
}
