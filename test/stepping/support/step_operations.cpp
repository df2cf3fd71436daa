#include "step_matrix.hpp"

// Operations that several tests step through. Here, each is one piece of code, as the way that was
// noted must be.
namespace stepping {

using loopbridge::status;

const operation post_reentrant{.name = "post_reentrant", .run = [](stepped_bridge& s) {
                                 const status got = s.bridge->post_reentrant(
                                     [](stepped_bridge* t) { ++t->outer.ran; }, &s);
                                 if (got == status::accepted) s.outer.expect(1);
                               }};
const operation fire{.name = "reentrant_call::post, in itself", .run = [](stepped_bridge& s) {
                       if (s.fired->post() == status::accepted) s.nested.expect(1);
                     }};
const operation fire_and_wait{.name = "reentrant_call::call_for, in itself",
                              .run =
                                  [](stepped_bridge& s) {
                                    if (s.fired->call_for(patience) == status::answered) {
                                      s.nested.expect(1);
                                    }
                                  },
                              .waits = true,
                              .needs_waiting_handlers = true};

}  // namespace stepping
