#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>
#include <variant>

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
  /// Floating point: the shortest text that is read back as the same number.
  template <class Number, class... Base>
  void put_number(Number n, Base... base) noexcept {
    char digits[32];
    const auto written = std::to_chars(digits, std::end(digits), n, base...);
    put({digits, static_cast<std::size_t>(written.ptr - digits)});
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

struct argument_writer {
  output& to;

  void operator()(bool b) const noexcept { to.put(b ? "true" : "false"); }
  void operator()(char c) const noexcept { to.put({&c, 1}); }
  void operator()(std::string_view text) const noexcept { to.put(text); }
  void operator()(log_c_text text) const noexcept {
    if (text.begin == nullptr) return to.put("(null)");
    // Not further than there is room, and one more, so that it is seen to be cut.
    const std::size_t most = std::min(text.most, to.room() + 1);
    to.put({text.begin, std::find(text.begin, text.begin + most, '\0')});
  }
  void operator()(const volatile void* pointer) const noexcept {
    to.put("0x");
    to.put_number(reinterpret_cast<std::uintptr_t>(pointer), 16);
  }
  void operator()(log_errno error) const noexcept {
    if (const char* const text = platform::error_text(error.number); text != nullptr) {
      (*this)(log_c_text{text, PTRDIFF_MAX});
      to.put(" ");
    }
    to.put("(errno ");
    to.put_number(error.number);
    to.put(")");
  }
  template <class Number>
  void operator()(Number n) const noexcept {
    to.put_number(n);
  }
};

/// std::visit, but by comparisons: some compilers make a table of functions of that, and it cannot
/// be seen of a call by a table that it is one that a handler may make (test/proofs/object_code).
template <std::size_t... Kinds>
void write(argument_writer to, const log_argument& argument,
           std::index_sequence<Kinds...>) noexcept {
  (void)((argument.index() == Kinds && (to(*std::get_if<Kinds>(&argument)), true)) || ...);
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
      write(argument_writer{to}, *args++,
            std::make_index_sequence<std::variant_size_v<log_argument>>());
    }
  }
  return to.finish();
}

}  // namespace loopbridge::detail
