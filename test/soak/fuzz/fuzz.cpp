// The soak, driven by a fuzzer's bytes: see tools/fuzz. What it found worth keeping is in corpus/,
// and soak_corpus_test replays that without a fuzzer.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "soak/round.hpp"
#include "soak/watch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static soak::account books(std::size_t{1} << 14);
  static soak::tally counts;
  static const soak::watch watching(std::chrono::seconds(20), [](const char* what) {
    std::fprintf(stderr, "WRONG: %s did not return in time\n", what);
    soak::watch::print(stderr);
    std::abort();
  });
  soak::play_bytes(books, counts, std::span(data, size));
  if (books.complaints() == 0) return 0;
  books.print_complaints(stderr);
  std::abort();
}
