// What the fuzzer found worth keeping, byte for byte through the same driver.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <vector>

#include "round.hpp"
#include "watch.hpp"

TEST_SUITE_BEGIN("soak corpus");

namespace {

/// Plays the bytes; 0: nothing was wrong.
unsigned play(std::span<const std::uint8_t> bytes) {
  soak::account books(std::size_t{1} << 14);
  soak::tally counts;
  soak::play_bytes(books, counts, bytes);
  books.print_complaints(stderr);
  return books.complaints();
}

soak::watch watch_out() {
  return soak::watch(std::chrono::seconds(60), [](const char* what) {
    std::fprintf(stderr, "%s did not return in time\n", what);
    soak::watch::print(stderr);
    std::abort();
  });
}

}  // namespace

TEST_CASE("each entry of the fuzzer's corpus keeps the account in order") {
  const soak::watch watching = watch_out();
  int entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CORPUS)) {
    CAPTURE(entry.path());
    std::ifstream in(entry.path(), std::ios::binary);
    const std::vector<char> chars(std::istreambuf_iterator<char>(in), {});
    const std::vector<std::uint8_t> bytes(chars.begin(), chars.end());
    CHECK(play(bytes) == 0);
    ++entries;
  }
  CHECK(entries > 0);
}

TEST_CASE("bytes decide what happens: none are an empty round, all of one value are a full one") {
  const soak::watch watching = watch_out();
  CHECK(play({}) == 0);
  for (unsigned value = 0; value < 256; value += 15) {
    const std::vector<std::uint8_t> bytes(64, static_cast<std::uint8_t>(value));
    CHECK(play(bytes) == 0);
  }
}
