// An owner's end on whatever thread: it may come in the midst of anything, and anything may come in
// its midst.
#include <doctest/doctest.h>

#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/owned.hpp>
#include <optional>

#include "stepping/support/step_matrix.hpp"
#include "support/patience.hpp"

TEST_SUITE_BEGIN("stepping: owned");

using namespace stepping;

namespace {

/// Its end is what must come once.
class ends_once {
 public:
  explicit ends_once(ledger& in) : in_(in) {}
  ~ends_once() { ++in_.ran; }
  ends_once(const ends_once&) = delete;
  ends_once& operator=(const ends_once&) = delete;

 private:
  ledger& in_;
};

std::optional<loopbridge::owned<ends_once>> object;

void make(stepped_bridge& s) {
  object.emplace(*s.bridge, [&s] { return ends_once(s.outer); });
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

TEST_CASE("an owner may end in a handler that interrupts malloc, or a post to the same bridge" *
          doctest::skip(!available)) {
  const handler ends_it{.name = "ends an owner", .run = [](stepped_bridge& s) {
                          s.nested.expect(1);
                          object.reset();
                          return loopbridge::status::accepted;
                        }};
  step_through(
      {.name = "malloc, post",
       .run =
           [](stepped_bridge& s) {
             std::free(std::malloc(1 << 16));
             if (s.bridge->try_post([&s] { ++s.outer.ran; }) == loopbridge::status::accepted) {
               s.outer.expect(1);
             }
           },
       .prepare =
           [](stepped_bridge& s) {
             object.emplace(*s.bridge, [&s] { return ends_once(s.nested); });
           },
       .look =
           [](stepped_bridge& s) {
             if (!object) return;
             s.nested.expect(1);  // no handler has come
             object.reset();
             CHECK(support::comes_true([&] { return s.nested.ran == 1; }));
           }},
      {&ends_it});
}
