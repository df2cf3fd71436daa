#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace support {

/// A directory of its own under the system's for temporary files, removed with all in it.
class scratch_directory {
 public:
  scratch_directory();
  ~scratch_directory();
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// A port of the loopback interface that is free now.
int free_port();

/// A real server, run as a child of the test, which ends with it: killed by the destructor, and by
/// the kernel should the test itself be killed. Its output goes to `log` in its directory.
class server {
 public:
  /// What to run; the first word is found along PATH, or in /usr/sbin. As root it runs as `nobody`,
  /// which servers that refuse root want; `directory` is given to that user.
  /// `ready` says whether the server answers; start() waits until it does.
  server(std::vector<std::string> command, std::string directory, std::function<bool()> ready);
  ~server() { kill(); }
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Fails the test if the server does not answer in time, with what it has written. The thread
  /// that starts it must outlive it: the kernel kills it when that thread ends.
  void start();
  /// SIGKILL to it and its descendants, and waits until they are gone.
  void kill();
  /// SIGSTOP and SIGCONT, to it and its descendants.
  void freeze();
  void thaw();

 private:
  void signal_all(int signal) const;

  std::vector<std::string> command_;
  std::string directory_;
  std::function<bool()> ready_;
  pid_t pid_ = -1;
};

/// Does something accept connections on this port of the loopback interface?
bool accepts(int port);

}  // namespace support
