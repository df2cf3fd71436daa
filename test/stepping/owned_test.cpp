// An owner's end on whatever thread: it may come in the midst of anything, and anything may come in
// its midst.
#include <doctest/doctest.h>

#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/owned.hpp>
#include <optional>

#include "stepping/support/step_matrix.hpp"

TEST_SUITE_BEGIN("stepping: owned");

using namespace stepping;

namespace {

/// Its end is what must come once.
class ends_once {
 public:
  explicit ends_once(stepped_bridge& s) : s_(s) {}
  ~ends_once() { ++s_.outer.ran; }
  ends_once(const ends_once&) = delete;
  ends_once& operator=(const ends_once&) = delete;

 private:
  stepped_bridge& s_;
};

std::optional<loopbridge::owned<ends_once>> object;

void make(stepped_bridge& s) {
  object.emplace(*s.bridge, [&s] { return ends_once(s); });
}
void expect_its_end(stepped_bridge& s) {
  s.outer.expect(1);
}

}  // namespace

TEST_CASE("an owner's destructor may be interrupted anywhere, and its object ends once" *
          doctest::skip(!available)) {
  step_through({.name = "~owned",
                .run = [](stepped_bridge&) { object.reset(); },
                .prepare = make,
                .enqueue = expect_its_end});
}
