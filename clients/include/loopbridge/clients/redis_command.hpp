#pragma once

#include <array>
#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace loopbridge::clients {

/// A command and its arguments, as the bytes that Redis is sent. Made of what lives no longer than
/// the making: `{"SET", key, bytes}`. Arguments may hold any bytes; numbers are given as text.
///
/// Thread   any, like a std::string
class redis_command {
 public:
  /// Throws   std::invalid_argument for no words at all, and for a command that cannot be sent on
  ///          a connection that threads share: one that has several answers or none (SUBSCRIBE,
  ///          MONITOR, REPLCONF, CLIENT REPLY), or that changes what becomes of other threads'
  ///          commands (MULTI, WATCH, SELECT, AUTH, HELLO, RESET, QUIT, READONLY, ASKING, CLIENT
  ///          TRACKING). The message says what to do instead.
  // No std::initializer_list: g++ 12 cannot have one in a co_await.
  template <class... Words>
    requires(sizeof...(Words) > 1 || (sizeof...(Words) == 1 &&
                                      (std::convertible_to<const Words&, std::string_view> && ...)))
  redis_command(const Words&... words)  // NOLINT: implicit
      : redis_command(std::span<const std::string_view>(
            std::array<std::string_view, sizeof...(Words)>{word(words)...})) {}
  /// The words of a list that is made when the program runs.
  explicit redis_command(std::span<const std::string_view> words);

  const std::string& bytes() const& noexcept { return bytes_; }
  std::string bytes() && noexcept { return std::move(bytes_); }

 private:
  template <class Word>
  static std::string_view word(const Word& w) {
    static_assert(std::convertible_to<const Word&, std::string_view>,
                  "a command's words are text: give a number as std::to_string(number)");
    return w;
  }

  std::string bytes_;
};

}  // namespace loopbridge::clients
