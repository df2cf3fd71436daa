#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "log/log_record.hpp"
#include "platform/platform.hpp"

// How a message becomes a text, where it is logged: perhaps in a handler. No locale, no allocation.
// (No standard says that std::to_chars is safe there. But it only computes. Not for long double,
// though, for which libstdc++ uses printf.)

namespace loopbridge::detail {
namespace {

/// Writes until there is no more room.
class output {
 public:
  output(char* begin, char* end) noexcept : begin_(begin), at_(begin), end_(end) {}

  void put(std::string_view text) noexcept {
    const std::size_t fits = std::min(text.size(), static_cast<std::size_t>(end_ - at_));
    if (fits != 0) std::memcpy(at_, text.data(), fits);
    at_ += fits;
    is_cut_ = is_cut_ || fits < text.size();
  }
  void put_natural(std::uint64_t n, unsigned base = 10) noexcept {
    char digits[20];  // of 2^64 - 1
    char* first = digits + sizeof(digits);
    do {
      *--first = "0123456789abcdef"[n % base];
    } while ((n /= base) != 0);
    put({first, static_cast<std::size_t>(digits + sizeof(digits) - first)});
  }
  void put_integer(std::int64_t n) noexcept {
    if (n < 0) put("-");
    put_natural(n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n));
  }
  /// The shortest text that is read back as the same number.
  template <class Floating>
  void put_floating(Floating n) noexcept {
    char digits[32];
    put({digits,
         static_cast<std::size_t>(std::to_chars(digits, digits + sizeof(digits), n).ptr - digits)});
  }
  char* finish() noexcept {
    if (is_cut_) {
      for (char* dot = std::max(begin_, end_ - 3); dot != end_; ++dot) *dot = '.';
    }
    return at_;
  }
  std::size_t room() const noexcept { return static_cast<std::size_t>(end_ - at_); }

 private:
  char* const begin_;
  char* at_;
  char* const end_;
  bool is_cut_ = false;
};

void put_c_text(output& to, log_argument::characters text) noexcept {
  if (text.begin == nullptr) return to.put("(null)");
  // Not further than there is room, and one more, so that it is seen to be cut.
  const std::size_t most = std::min(text.size, to.room() + 1);
  const void* const end = most != 0 ? std::memchr(text.begin, '\0', most) : text.begin;
  to.put({text.begin, end == nullptr
                          ? most
                          : static_cast<std::size_t>(static_cast<const char*>(end) - text.begin)});
}

void put_error(output& to, int number) noexcept {
  if (const char* const text = platform::error_text(number); text != nullptr) {
    put_c_text(to, {text, PTRDIFF_MAX});
    to.put(" ");
  }
  to.put("(errno ");
  to.put_integer(number);
  to.put(")");
}

void put_argument(output& to, const log_argument& a) noexcept {
  using kind = log_argument::kind;
  switch (a.what) {
    case kind::boolean:
      return to.put(a.boolean ? "true" : "false");
    case kind::character:
      return to.put({&a.character, 1});
    case kind::integer:
      return to.put_integer(a.integer);
    case kind::natural:
      return to.put_natural(a.natural);
    case kind::single:
      return to.put_floating(a.single);
    case kind::floating:
      return to.put_floating(a.floating);
    case kind::pointer:
      to.put("0x");
      return to.put_natural(reinterpret_cast<std::uintptr_t>(a.pointer), 16);
    case kind::text:
      return to.put({a.text.begin, a.text.size});
    case kind::c_text:
      return put_c_text(to, a.text);
    case kind::error_number:
      return put_error(to, a.error_number);
  }
}

}  // namespace

char* write_log_text(char* begin, char* end, std::string_view format,
                     const log_argument* args) noexcept {
  output to(begin, end);
  // log_format has seen to it that braces come in twos.
  for (std::size_t n = 0; n < format.size();) {
    std::size_t plain = n;
    while (plain < format.size() && format[plain] != '{' && format[plain] != '}') ++plain;
    to.put({format.data() + n, plain - n});
    n = plain + 2;
    if (plain == format.size()) break;
    if (format[plain] == format[plain + 1]) {
      to.put({format.data() + plain, 1});
    } else {
      put_argument(to, *args++);
    }
  }
  return to.finish();
}

}  // namespace loopbridge::detail
