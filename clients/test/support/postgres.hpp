#pragma once

#include <libpq-fe.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "loopbridge/clients/pg.hpp"
#include "support/patience.hpp"
#include "support/server.hpp"

namespace support {

/// A PostgreSQL server of the test's own, in a scratch directory, for the user `test`.
class postgres {
 public:
  /// `login`: how it lets clients in, "trust", or "scram-sha-256" with the password `secret`.
  explicit postgres(const std::string& login = "trust")
      : process_({"sh", "-c",
                  "set -e; bin=$(pg_config --bindir); echo secret > password; "
                  "[ -f data/PG_VERSION ] || $bin/initdb -D data -U test -E UTF8 --no-locale "
                  "--no-sync --pwfile=password -A " +
                      login + "; exec $bin/postgres -D data -F -h 127.0.0.1 -k \"$PWD\" -p " +
                      std::to_string(port_) +
                      // Which ends with the directory, whatever becomes of the server.
                      " -c dynamic_shared_memory_type=mmap"},
                 directory_.path(), [this] { return answers(); }) {
    process_.start();
  }
  /// It ends by itself, as what it has of the system's shared memory would stay behind if killed.
  ~postgres() {
    process_.thaw();
    const std::string lock = directory_.path() + "/data/postmaster.pid";
    pid_t pid = 0;
    if (std::ifstream(lock) >> pid && ::kill(pid, SIGINT) == 0)
      (void)comes_true([&] { return !std::filesystem::exists(lock); });
  }

  server& process() noexcept { return process_; }
  int port() const noexcept { return port_; }
  const std::string& directory() const noexcept { return directory_.path(); }

  loopbridge::clients::pg_options options(int connections = 4) const {
    return {.port = port_,
            .user = "test",
            .password = "secret",
            .database = "postgres",
            .connections = connections,
            .timeout = generous};
  }

 private:
  bool answers() const {
    const std::string where = "host=127.0.0.1 port=" + std::to_string(port_);
    return accepts(port_) && PQping(where.c_str()) == PQPING_OK;
  }

  scratch_directory directory_;
  const int port_ = free_port();
  server process_;
};

/// One for all tests of a program: to make a server's directory takes a second.
inline postgres& the_postgres() {
  static postgres server;
  return server;
}

/// Does this text run on the server, on a connection other than the one that asks? A cancel that
/// comes before it does is lost.
inline bool runs(loopbridge::clients::pg& db, const std::string& text) {
  return db.call({"SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = $1 AND "
                  "pid <> pg_backend_pid()",
                  {text}})
             .rows() > 0;
}

}  // namespace support
