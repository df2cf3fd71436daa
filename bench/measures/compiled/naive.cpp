// What a program includes for a bridge of its own, and the least that it makes of it.
#include <uv.h>

#include <functional>
#include <future>

int answer(uv_async_t* bell) {
  std::promise<int> done;
  const std::function<void()> call = [&done] { done.set_value(1); };
  uv_async_send(bell);
  call();
  return done.get_future().get();
}
