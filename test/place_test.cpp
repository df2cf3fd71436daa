#include "loopbridge/place.hpp"

#include <doctest/doctest.h>

#include <latch>
#include <loopbridge/loopbridge.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/error_log.hpp"
#include "support/watchdog.hpp"

TEST_SUITE_BEGIN("place");

namespace {

using doctest::Contains;
using loopbridge::bridge;
using loopbridge::place;
using support::generous;

std::string text_of(place where) {
  return loopbridge::detail::place_text(where).c_str();
}

}  // namespace

TEST_CASE("a place is file and line of its caller, with a label if one is given") {
  const place plain = place::current();
  CHECK(doctest::String(plain.file) == Contains("place_test.cpp"));
  CHECK(plain.line == __LINE__ - 2);
  CHECK(plain.label() == nullptr);
  const place labelled = place::labelled("price update");
  CHECK(labelled.line == __LINE__ - 1);
  CHECK(std::string(labelled.file) == plain.file);
  CHECK(std::string(labelled.label()) == "price update");
}

TEST_CASE("one text is one label, kept for good whatever becomes of the text that was given") {
  std::string text = "short-lived";
  const place first = place::labelled(text.c_str());
  text = "another one";
  const place second = place::labelled(text.c_str());
  text = "short-lived";
  CHECK(place::labelled(text.c_str()).label_number == first.label_number);
  CHECK(second.label_number != first.label_number);
  text.clear();
  CHECK(std::string(first.label()) == "short-lived");
  CHECK(std::string(second.label()) == "another one");
  CHECK(std::string(place::labelled("").label()).empty());
}

TEST_CASE("threads that make the same labels at once get the same numbers") {
  constexpr unsigned threads = 4;
  constexpr unsigned each = 200;
  std::vector<std::vector<unsigned>> numbers(threads, std::vector<unsigned>(each));
  std::latch ready(threads);
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) {
    all.emplace_back([&, t]() noexcept {
      ready.arrive_and_wait();
      for (unsigned n = 0; n < each; ++n) {
        numbers[t][n] = place::labelled(("label " + std::to_string(n)).c_str()).label_number;
      }
    });
  }
  for (std::thread& t : all) t.join();
  for (unsigned t = 1; t < threads; ++t) CHECK(numbers[t] == numbers[0]);
  for (unsigned n = 0; n < each; ++n) {
    CHECK(std::string(place{"f", 1, numbers[0][n]}.label()) == "label " + std::to_string(n));
  }
}

TEST_CASE("messages show the place with its label, or that it is unknown, cut where it is long") {
  CHECK(text_of({"a.cpp", 7}) == "a.cpp:7");
  CHECK(text_of(place::labelled("it", "a.cpp", 7)) == "a.cpp:7 [it]");
  CHECK(text_of({}) == "an unknown place");
  CHECK(text_of({nullptr, 0, place::labelled("it").label_number}) == "an unknown place [it]");
  CHECK(text_of({std::string(600, 'f').c_str(), 7}) == std::string(511, 'f'));
}

TEST_CASE("a failure that nobody received is reported with its label, and errors name it") {
  const support::error_log log;
  bridge b(reporting_to(log));
  b.post([] { throw std::runtime_error("it"); }, place::labelled("nightly clean-up"));
  REQUIRE(log.wait_for(1));
  CHECK(log.entries()[0].label == "nightly clean-up");
  CHECK(log.entries()[0].what == "it");
  loopbridge::completer<int> never;
  auto e = b.submit([&] { return never.get_deferred(); }, place::labelled("an endless wait"));
  CHECK(e.cancel());
  CHECK_THROWS_WITH_AS(e.get_for(generous), Contains("[an endless wait]"), loopbridge::cancelled);
}
