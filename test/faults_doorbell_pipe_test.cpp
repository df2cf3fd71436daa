// The pipe, where the library itself has an eventfd: this definition takes the place of its own.
#define LOOPBRIDGE_DOORBELL_IS_A_PIPE 1
#include "../src/doorbell_self_pipe.cpp"
#include "faults_doorbell_test.cpp"

TEST_CASE("this is the pipe") {
  adopted a;
  CHECK(a.doorbell().size() == 2);
}
