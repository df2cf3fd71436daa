// Results that wait for whoever comes for them, in another thread and perhaps much later; and what
// becomes of failures that nobody comes for.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/results/then.hpp>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;

std::string make_report(int year) {
  if (year < 1990) throw std::runtime_error("there are no figures for " + std::to_string(year));
  return "the report of " + std::to_string(year);
}

std::atomic<int> reported{0};

// [readme]
loopbridge::result_id begin_report(loopbridge::bridge& loop, int year) {
  auto report = loop.submit([year] { return make_report(year); }).then([](std::string text) {
    return text + ", checked";
  });
  return loopbridge::stash(std::move(report));  // a number, for a URL or a job list
}

std::string show_report(loopbridge::result_id id) {  // another request, another thread
  auto report = loopbridge::retrieve<std::string>(id);
  if (!report.wait_for(10s)) throw std::runtime_error("it takes too long");
  return report.error() == nullptr ? report.get() : "it has failed";
}

loopbridge::options told_of_failures() {
  loopbridge::options opts;  // nobody's result: posted, or its eventual was dropped unread
  opts.on_unhandled_error = [](const loopbridge::unhandled_error& e) {
    std::printf("%s:%u has failed\n", e.where.file_name(), unsigned{e.where.line()});
    ++reported;
  };
  return opts;
}

void clean_up(loopbridge::bridge& loop) {
  loop.post([] { throw std::runtime_error("the disk is full"); });  // reported with this line
}
// [/readme]

int main() {
  try {
    loopbridge::bridge loop(told_of_failures());
    const auto good = begin_report(loop, 2025);
    const auto bad = begin_report(loop, 1889);
    bool right = false;
    std::thread([&]() noexcept {
      const std::string report = show_report(good);
      std::printf("%s\n", report.c_str());
      right = report == "the report of 2025, checked" && show_report(bad) == "it has failed";
    }).join();
    clean_up(loop);
    loop.stop();
    return right && reported == 1 ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "results: %s\n", e.what());
    return 1;
  }
}
