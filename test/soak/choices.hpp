#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace soak {

/// Where an actor's decisions come from: a generator's seed, or a fuzzer's bytes.
class choices {
 public:
  virtual ~choices() = default;
  /// A number from 0 to n-1. By convention 0 is the dullest choice: it is all that bytes that have
  /// run out still give.
  virtual std::uint32_t below(std::uint32_t n) = 0;

  /// True once in `n` times.
  bool rarely(std::uint32_t n) { return below(n) == n - 1; }

 protected:
  choices() = default;
  choices(const choices&) = default;
  choices& operator=(const choices&) = default;
};

template <class Engine>
class random_choices final : public choices {
 public:
  explicit random_choices(std::uint64_t seed)
      : engine_(static_cast<typename Engine::result_type>(seed)) {}
  std::uint32_t below(std::uint32_t n) override {
    return static_cast<std::uint32_t>(engine_() % n);  // its bias is of no interest here
  }

 private:
  Engine engine_;
};

class byte_choices final : public choices {
 public:
  explicit byte_choices(std::span<const std::uint8_t> bytes) : left_(bytes) {}
  std::uint32_t below(std::uint32_t n) override {
    std::uint32_t value = next();
    if (n > 256) value = value << 8 | next();
    return value % n;
  }
  bool more() const { return !left_.empty(); }
  /// The next `n` bytes, for somebody else to choose by; fewer at the end.
  std::span<const std::uint8_t> take(std::size_t n) {
    const auto taken = left_.first(std::min(n, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }

 private:
  std::uint8_t next() {
    if (left_.empty()) return 0;
    const std::uint8_t first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }
  std::span<const std::uint8_t> left_;
};

/// A generator's next seed, well mixed: neighbouring seeds must not give similar runs.
constexpr std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t z = a + 0x9e3779b97f4a7c15 * (b + 1);  // splitmix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace soak
