// The tour: an ordinary, blocking program that uses two libuv loops from all sides at once.
//
//   main              starts and ends everything, shows the progress
//   four workers      fetch files and check them, by blocking calls of asynchronous functions
//   bridge "server"   a TCP file server on its loop                            file_server.hpp
//   bridge "client"   the asynchronous functions, for the workers              async_io.hpp,
//   worker.hpp signal handlers   interrupt the workers and submit, sometimes wait
//   signal_submitter.hpp destructors       submit wherever they happen to run finalizer.hpp
//
// Every submission is counted by who made it and again on the loop (tally.hpp). At the end, when
// both bridges have stopped, the books must agree, and every byte must have been right.

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <loopbridge/loopbridge.hpp>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "async_io.hpp"
#include "command_line.hpp"
#include "file_server.hpp"
#include "report.hpp"
#include "signal_submitter.hpp"
#include "tally.hpp"
#include "worker.hpp"

namespace tour {
namespace {

constexpr int worker_count = 4;

/// Throws for the first file that cannot be served. The first use of the asynchronous functions:
/// from here they look blocking.
void require_readable(loopbridge::bridge& b, const std::vector<std::string>& files) {
  for (const std::string& path : files) {
    const auto deadline = std::chrono::seconds(10);
    const auto file = b.call_for(
        deadline, [path](loopbridge::loop_ref loop) { return async::open_file(loop, path); });
    const async::bytes first = b.call_for(
        deadline, [file](loopbridge::loop_ref loop) { return async::read_file(loop, file, 0, 1); });
    if (!first.empty() && async::size_of(file) == 0) {
      throw std::runtime_error(path + ": Not a file of a known size (they are special in /proc)");
    }
  }
}

/// Runs the workers, under fire from signals, until the jobs are done; returns how many signals.
std::uint64_t work(loopbridge::bridge& client, file_server& server, job_list& jobs, tallies& t) {
  signal_submitter signals(client, t);
  std::counting_semaphore<worker_count> ended(0);
  std::vector<std::jthread> workers;
  for (int i = 0; i < worker_count; ++i) {
    workers.emplace_back([&] {
      try {
        const signal_submitter::interruption interrupt_me;
        worker(client, server.address(), jobs, t).run();
      } catch (const std::exception& e) {
        jobs.fail(e.what());
      }
      ended.release();
    });
  }

  progress_line progress;
  for (int running = worker_count; running > 0;) {
    if (ended.try_acquire_for(std::chrono::milliseconds(100))) {
      --running;
    } else if (progress.is_due()) {
      progress.show(jobs, t, server.look(t.progress));
    }
  }
  workers.clear();  // joins
  return signals.signals();
}

int run(const command_line& wanted) {
  const signal_submitter::blocked until_asked_for;
  tallies t;  // outlives all that counts in it
  // More slots for handlers and finalizers than usual: they come faster than usual, too.
  loopbridge::bridge client({.name = "client", .reentrant_slots = 1024});
  loopbridge::bridge server_loop({.name = "server"});
  require_readable(client, wanted.files);
  file_server server(server_loop, wanted.files, wanted.port);

  const auto begun = clock::now();
  job_list jobs(wanted.files, wanted.rounds, wanted.time);
  const std::uint64_t signals = work(client, server, jobs, t);

  server.close();
  client.call([] {});  // runs after all that is queued, whose destructors thus may still submit
  client.stop();       // what they submitted runs first
  server_loop.stop();
  return print_report(t, jobs, signals, clock::now() - begun) ? 0 : 1;
}

}  // namespace
}  // namespace tour

int main(int argc, char** argv) {
  try {
    const tour::command_line wanted = tour::parse(argc, argv);
    if (wanted.help) {
      std::fputs(tour::usage, stdout);
      return 0;
    }
    return tour::run(wanted);
  } catch (const tour::bad_usage& e) {
    std::fprintf(stderr, "tour: %s\nTry 'tour --help'.\n", e.what());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "tour: %s\n", e.what());
  }
  return 2;
}
