// CPython's lock (the GIL) beside a bridge: a waiter must have let go of it, since the loop may
// want it; a submitter may hold it, and need not. And what this library's ancestor was made for: a
// log message that the collector sends in the middle of another one.
#include <doctest/doctest.h>

#include <atomic>
#include <memory_resource>
#include <string>
#include <thread>
#include <vector>

#include "python_functions.hpp"  // first: Python's header wants to be
#include "support/held_loop.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("CPython's lock");

namespace {

using finalizers::subject;
using loopbridge::status;
using python::reporting;

/// Sets Python's collector off wherever a call is allocated: "in any allocation", made certain.
class collecting_memory final : public std::pmr::memory_resource {
 public:
  std::atomic<bool> collects{false};

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    if (collects) PyGC_Collect();  // does nothing inside itself
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* block, std::size_t size, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(block, size, alignment);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

}  // namespace

TEST_CASE("threads that hold no lock submit while Python runs, and so do Python's own") {
  const support::watchdog dog;
  constexpr int threads = 3, each = 2000;
  subject s(2 * threads * each);
  reporting py(s);
  std::vector<std::thread> native;  // Python does not know these
  for (std::size_t t = 0; t < threads; ++t) {
    native.emplace_back([&s, t]() noexcept {
      for (std::size_t i = 1; i <= each; ++i) {
        while (s.post_reentrant(t * each + i) == status::exhausted) support::catch_up(s.bridge);
      }
    });
  }
  py.run(R"(
import threading
def work(t):
  for i in range(2000 * t + 1, 2000 * (t + 1) + 1):
    Object(i)
    if i % 20 == 0 and twice(i) != 2 * i: post(1)
threads = [threading.Thread(target=work, args=[t]) for t in (3, 4, 5)]
for t in threads: t.start()
for t in threads: t.join())");
  for (std::thread& t : native) t.join();
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == 2 * threads * each);
}

TEST_CASE("a wait that lets go of the lock ends, though the loop needs the lock for the answer") {
  const support::watchdog dog;
  subject s(1);
  reporting py(s);
  py.run(R"(
ran = 0
def there():
  global ran
  ran += 1
def work():
  for _ in range(100): on_loop(there); on_loop_by_eventual(there)
import threading
threads = [threading.Thread(target=work) for _ in range(3)]
for t in threads: t.start()
for t in threads: t.join())");
  CHECK(py.number("ran") == 600);
  py.run(
      "try: twice(-1)\nexcept RuntimeError as e: assert 'less than nothing' in str(e)\n"
      "else: assert False");
}

TEST_CASE("negative control: a wait that keeps the lock is ended by its deadline alone") {
  const support::watchdog dog;
  subject s(1);
  reporting py(s);
  py.run(
      "ran = []\nend = on_loop_without_release(lambda: ran.append(1))\n"
      "assert end == 'timed_out', end");
  {
    const python::without_gil free;
    support::catch_up(s.bridge);
  }
  py.run("assert ran == [1]");  // it was running, and is not lost
}

TEST_CASE("__del__ on the loop thread may submit, and a wait there is refused") {
  const support::watchdog dog;
  subject s(1000);
  reporting py(s);
  py.run(R"(
class Waits:
  def __del__(self):
    global refused
    try: twice(1)
    except RuntimeError as e: refused = 'own loop thread' in str(e)
refused = False
objects = [Object(id) for id in range(1, 1001)] + [Waits()]
on_loop(lambda: objects.clear()))");
  CHECK(py.number("refused") == 1);
  CHECK(py.said("accepted") == 1000);
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == 1000);
}

TEST_CASE("a call that is refused, or cancelled, lets go of its Python object") {
  const support::watchdog dog;
  subject s(3);
  reporting py(s);
  py.run("class Callable(Object):\n  def __call__(self): pass");
  const auto make = [&](const char* code) {
    py.run(std::string("made = ") + code);
    python::object made(PyObject_GetAttrString(PyImport_AddModule("__main__"), "made"));
    py.run("del made");
    return made;
  };
  {
    const support::held_loop held(s.bridge);
    CHECK(s.bridge.submit(python::run_there(make("Callable(1)"))).cancel());
    CHECK(py.said("accepted") == 1);  // here and now, on this thread
    s.bridge.stop_reentrant();
    CHECK_THROWS_AS(s.bridge.post(python::run_there(make("Callable(2)"))),
                    loopbridge::bridge_stopped);
  }
  CHECK(py.said("accepted") == 1);
  CHECK(py.said("bridge_stopped") == 1);
}

TEST_CASE("the loop is done with Python before Py_FinalizeEx: stop() without the lock sees to it") {
  const support::watchdog dog;
  subject s(1);
  std::atomic<int> ran{0};
  {
    reporting py(s);
    py.run("count = 0");
    for (int i = 0; i < 100; ++i) {
      s.bridge.post([&ran] {
        const python::gil lock;
        if (PyRun_SimpleString("count += 1") == 0) ++ran;
      });
    }
    {
      const python::without_gil free;
      s.bridge.stop();
    }
    CHECK(py.number("count") == 100);
  }
  CHECK(ran == 100);
}

TEST_CASE("a log message that the collector sends in the middle of another one arrives") {
  const support::watchdog dog;
  collecting_memory memory;
  constexpr int messages = 1000;
  subject s(2 * messages, loopbridge::options{.memory = &memory});
  reporting py(s);
  // Every second message is sent by the finalizer of a cycle, which the collector finds inside the
  // submission of the other one.
  py.run("gc.set_threshold(0)");
  for (int id = 1; id <= 2 * messages; id += 2) {
    py.run("o = Object(" + std::to_string(id + 1) + "); o.itself = o; del o");
    memory.collects = true;
    py.run("post(" + std::to_string(id) + ")");
    memory.collects = false;
  }
  CHECK(py.said("accepted") == messages);
  support::catch_up(s.bridge);
  CHECK(s.heard_of(1) == 2 * messages);
}

TEST_CASE("negative control: queue.Queue, in the same place, has its mutex locked") {
  const support::watchdog dog;
  subject s(1);
  reporting py(s);
  py.run(R"(
import queue
would_hang = 0
class Log(queue.Queue):
  def _put(self, item):
    gc.collect()  # as any allocation may
    super()._put(item)
log = Log()
class Talks:
  def __del__(self):
    global would_hang
    if log.mutex.acquire(timeout=0.02): log.mutex.release()
    else: would_hang += 1  # log.put() here never returns
o = Talks(); o.itself = o; del o
log.put('outer'))");
  CHECK(py.number("would_hang") == 1);
}

TEST_CASE("a wait in slices is ended by Ctrl-C") {
  const support::watchdog dog;
  subject s(1);
  reporting py(s);
  py.run(R"(
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # doctest has one of its own
interrupted = False
try: wait_for_ctrl_c()
except KeyboardInterrupt: interrupted = True)");
  CHECK(py.number("interrupted") == 1);
}
