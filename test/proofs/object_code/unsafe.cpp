#include <cstdlib>
#include <memory>
#include <mutex>

// One function for each thing that a handler must not reach. check.py must blame every one of them,
// and with -z lazy this is what must not pass for bound.

thread_local int counter = 1;

extern "C" {
std::mutex lock;
void (*anything)() = nullptr;
int depth_of_unsafe_deep = 3;

int* unsafe_new() {
  return new int(1);
}
void unsafe_delete(int* i) {
  delete i;
}
void* unsafe_malloc() {
  void* const m = std::malloc(8);
  static_cast<char*>(m)[0] = 1;
  return m;
}
void unsafe_lock() {
  const std::lock_guard locked(lock);
}
int unsafe_static() {
  static const int made = std::rand();
  return made;
}
void unsafe_throw(int i) {
  if (i == 7) throw i;
}
int* unsafe_thread_local() {
  return &counter;
}
void unsafe_pointer() {
  anything();
  ++depth_of_unsafe_deep;
}
}

namespace {
[[gnu::noinline]] void* deep(int level) {
  return level == 0 ? std::malloc(8) : static_cast<char*>(deep(level - 1)) + 1;
}
}  // namespace

struct with_virtuals {
  virtual ~with_virtuals() = default;
  virtual void a();
};

extern "C" {
void* unsafe_deep() {
  return static_cast<char*>(deep(depth_of_unsafe_deep)) + 1;
}
void* unsafe_tail() {
  return ::operator new(8);
}
int unsafe_virtual(with_virtuals& w) {
  w.a();
  return 1;
}
}
