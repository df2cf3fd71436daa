#include "finalizer.hpp"

#include <stdexcept>
#include <vector>

namespace tour {
namespace {

void while_an_exception_unwinds(loopbridge::bridge& b, tallies& t) {
  try {
    const finalizer in_an_inner_scope(b, t.unwinding);
    throw std::runtime_error("a file that is not there, say");
  } catch (const std::runtime_error&) {
  }
}

void inside_a_container(loopbridge::bridge& b, tallies& t) {
  std::vector<finalizer> elements;
  for (int i = 0; i < 4; ++i) elements.emplace_back(b, t.erased);
  elements.erase(elements.begin() + 1);
  elements.clear();
}

/// A posted callable is destroyed on the loop, after it has run. A cancelled one is destroyed here,
/// inside cancel(), unless the loop was faster.
void with_a_callable(loopbridge::bridge& b, tallies& t) {
  const auto work = [&books = t.submit, begun = clock::now()] {
    books.ran();
    books.took(clock::now() - begun);
  };
  b.post([work, f = finalizer(b, t.captured)] { work(); });
  t.submit.submitted(loopbridge::status::accepted);

  const auto call = b.submit([work, f = finalizer(b, t.captured)] { work(); });
  t.submit.submitted(loopbridge::status::accepted);
  if (call.cancel()) t.submit.was_cancelled();
}

void in_a_callable_on_the_loop(loopbridge::bridge& b, tallies& t) {
  b.post([&b, &t] {
    t.submit.ran();
    const finalizer of_a_local(b, t.on_loop);
  });
  t.submit.submitted(loopbridge::status::accepted);
}

}  // namespace

void destroy_finalizers(loopbridge::bridge& b, tallies& t) {
  while_an_exception_unwinds(b, t);
  inside_a_container(b, t);
  with_a_callable(b, t);
  in_a_callable_on_the_loop(b, t);
}

}  // namespace tour
