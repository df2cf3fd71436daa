// A small program that ends, in the way that its argument names, with objects of static lifetime
// that submit from their destructors. It prints what became of that; see program_exit_test.cpp.
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <loopbridge/loopbridge.hpp>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "every_way.hpp"
#include "support/gate.hpp"

namespace {

using loopbridge::bridge;

std::atomic<int> runs{0};             // has no destructor: good to the very end
every_way::target* target = nullptr;  // never destroyed: so it tells whether its bridge is there

void say(const char* who, const std::string& what) {
  std::printf("%s: %s\n", who, what.c_str());
}
void make_target(bridge& b) {
  target = new every_way::target(b, runs);
}

struct submits_at_end {
  const char* name;
  ~submits_at_end() { say(name, every_way::submit(*target)); }
};

struct tells_runs {
  ~tells_runs() { say("runs", std::to_string(runs)); }
};

/// What a bridge has given out, in hands that outlive it.
struct keeps_handles {
  std::optional<loopbridge::reentrant_call> prepaid;
  std::optional<loopbridge::completer<int>> done;
  std::optional<loopbridge::eventual<int>> answered, unanswered;

  void fill(bridge& b) {
    prepaid.emplace(b, [] { ++runs; });
    done.emplace();
    answered = b.submit([] { return 5; });
    unanswered = b.submit([this] { return done->get_deferred(); });
    b.call([] {});
  }
  void use() {
    say("prepaid", to_string(prepaid->post()));
    say("prepaid and wait", to_string(prepaid->call_for(support::generous)));
    say("answered", std::to_string(answered->get()));
    say("unanswered", to_string(every_way::told([&] {
          unanswered->get();
          return loopbridge::status::answered;
        })));
    say("cancelled", unanswered->cancel() ? "yes" : "no");
    say("resolved", done->resolve(1) ? "yes" : "no");
  }
  ~keeps_handles() { use(); }
};

/// The bridge is made first, and destroyed last.
int bridge_outlives_objects() {
  static tells_runs at_last;
  static bridge b;
  make_target(b);
  static submits_at_end object{"static object"};
  thread_local submits_at_end of_thread{"main's thread_local object"};
  (void)of_thread;
  std::atexit([] { say("atexit", every_way::submit(*target)); });
  return 0;
}

/// The bridge is made last, and destroyed first: only handles may be used then.
int objects_outlive_bridge() {
  static keeps_handles handles;
  static bridge b;
  handles.fill(b);
  return 0;
}

int atexit_outlives_bridge() {
  static keeps_handles* handles = new keeps_handles;  // never destroyed
  std::atexit([] { handles->use(); });
  static bridge b;
  handles->fill(b);
  return 0;
}

/// Stopped by hand, as a careful program does, before anything is destroyed.
int bridge_is_stopped() {
  static tells_runs at_last;
  static bridge b;
  make_target(b);
  static submits_at_end object{"static object"};
  b.stop();
  return 0;
}

/// Never destroyed: its loop runs until the process is gone.
int bridge_is_leaked() {
  static auto& b = *new bridge;
  make_target(b);
  static tells_runs at_last;
  static submits_at_end object{"static object"};
  std::atexit([] { say("atexit", every_way::submit(*target)); });
  return 0;
}

/// No destructors run at all.
int quick_exit_is_called() {
  static bridge b;
  make_target(b);
  static submits_at_end object{"static object"};
  std::at_quick_exit([] {
    say("at_quick_exit", every_way::submit(*target));
    std::fflush(stdout);
  });
  std::quick_exit(3);
}

/// Then the destructors run there: they may submit, which comes too late to run, and must not wait.
int loop_thread_exits() {
  static bridge b;
  make_target(b);
  static submits_at_end object{"static object"};
  b.call([] { std::exit(3); });
  return 1;
}

/// Main waits for an answer that never comes, until the bridge's destructor releases it.
int other_thread_exits() {
  static auto& main_is_released = *new support::gate;
  struct tells_of_main {
    ~tells_of_main() { say("main", main_is_released.wait() ? "released" : "still waits"); }
  };
  static tells_of_main at_last;
  static auto& never = *new loopbridge::completer<int>;
  static bridge b;
  make_target(b);
  static submits_at_end object{"static object"};
  const auto answer = b.submit([] { return never.get_deferred(); });
  std::thread([]() noexcept { std::exit(3); }).detach();
  const auto ended = every_way::told([&] {
    answer.get();
    return loopbridge::status::answered;
  });
  if (ended == loopbridge::status::bridge_stopped) main_is_released.open();
  for (;;) pause();  // the other thread ends the process
}

}  // namespace

int main(int argc, char** argv) {
  alarm(20);
  const std::map<std::string, int (*)()> endings = {
      {"bridge_outlives_objects", bridge_outlives_objects},
      {"objects_outlive_bridge", objects_outlive_bridge},
      {"atexit_outlives_bridge", atexit_outlives_bridge},
      {"bridge_is_stopped", bridge_is_stopped},
      {"bridge_is_leaked", bridge_is_leaked},
      {"quick_exit_is_called", quick_exit_is_called},
      {"loop_thread_exits", loop_thread_exits},
      {"other_thread_exits", other_thread_exits},
  };
  const auto ending = endings.find(argc > 1 ? argv[1] : "");
  return ending != endings.end() ? ending->second() : 2;
}
