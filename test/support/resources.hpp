#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "gate.hpp"

namespace support {

inline int entries_of(const char* directory) {
  DIR* const d = opendir(directory);
  if (d == nullptr) return -1;
  int n = 0;
  while (const dirent* const e = readdir(d)) n += e->d_name[0] != '.' ? 1 : 0;
  closedir(d);
  return n;
}

/// Is this thread of ours asleep in the kernel? `id`: its gettid().
inline bool sleeps(pid_t id) {
  std::ifstream stat("/proc/self/task/" + std::to_string(id) + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto name_ends = line.rfind(')');
  return name_ends != std::string::npos && line.compare(name_ends, 3, ") S") == 0;
}

/// Waits for it, looking again and again; false: it did not come true.
template <class Condition>
[[nodiscard]] bool comes_true(Condition&& condition) {
  const auto until = std::chrono::steady_clock::now() + generous;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// What a process holds of the system: to be the same before and after.
struct resources {
  int descriptors = 0;
  int threads = 0;
  bool operator==(const resources&) const = default;

  static resources in_use() { return {entries_of("/proc/self/fd"), entries_of("/proc/self/task")}; }
  /// No more in use than then? A thread that was joined may be listed for a moment longer, also in
  /// the count to compare with.
  bool are_back() const {
    return comes_true([this] {
      const resources now = in_use();
      return now.descriptors == descriptors && now.threads <= threads;
    });
  }
  bool threads_are_back() const {
    return comes_true([this] { return in_use().threads <= threads; });
  }
};

}  // namespace support
