#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/types.h>

#include <fstream>
#include <set>
#include <string>

#include "patience.hpp"

namespace support {

inline int entries_of(const char* directory) {
  DIR* const d = opendir(directory);
  if (d == nullptr) return -1;
  int n = 0;
  while (const dirent* const e = readdir(d)) n += e->d_name[0] != '.' ? 1 : 0;
  closedir(d);
  return n;
}

/// By asking for each, since opening a directory takes one.
inline std::set<int> open_descriptors() {
  std::set<int> open;
  for (int fd = 0; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) != -1) open.insert(fd);
  }
  return open;
}

/// Is this thread of ours asleep in the kernel? `id`: its gettid().
inline bool sleeps(pid_t id) {
  std::ifstream stat("/proc/self/task/" + std::to_string(id) + "/stat");
  std::string line;
  std::getline(stat, line);
  const auto name_ends = line.rfind(')');
  return name_ends != std::string::npos && line.compare(name_ends, 3, ") S") == 0;
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
