#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace loopbridge {

/// An error number for log(): written as "No such file or directory (errno 2)" with glibc 2.32 and
/// newer, which give handlers the text; elsewhere as "(errno 2)".
struct log_errno {
  int number;
};

namespace detail {

/// A text up to its first NUL, or its `most` characters.
struct log_c_text {
  const char* begin;
  std::size_t most;
};

/// One argument of log(), whatever its type: by value, but for texts, which log() copies before it
/// returns.
using log_argument = std::variant<bool, char, std::int64_t, std::uint64_t, float, double,
                                  const volatile void*, std::string_view, log_c_text, log_errno>;

/// wchar_t and its like are characters of other texts than ours.
template <class T>
inline constexpr bool is_number =
    std::is_integral_v<T> && !std::is_same_v<T, wchar_t> && !std::is_same_v<T, char8_t> &&
    !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t> && sizeof(T) <= 8;
template <class T>
inline constexpr bool is_char = std::is_same_v<std::remove_const_t<T>, char>;

/// `value` as one of log_argument's types; void: it is none. Any thread, any handler.
template <class T>
auto as_log_argument([[maybe_unused]] const T& value) noexcept {
  if constexpr (std::is_same_v<T, bool> || is_char<T> || std::is_same_v<T, float> ||
                std::is_same_v<T, log_errno>) {
    return value;
  } else if constexpr (is_number<T> && std::is_signed_v<T>) {
    return std::int64_t{value};
  } else if constexpr (is_number<T>) {
    return std::uint64_t{value};
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else if constexpr (std::is_array_v<T> && is_char<std::remove_extent_t<T>>) {
    return log_c_text{value, std::extent_v<T>};
  } else if constexpr (std::is_pointer_v<T> && is_char<std::remove_pointer_t<T>>) {
    return log_c_text{value, SIZE_MAX};
  } else if constexpr (std::is_null_pointer_v<T> ||
                       (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>)) {
    return static_cast<const volatile void*>(value);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string_view(value);
  }
}

}  // namespace detail

/// May a T be an argument of log()? bool, char, integers, floating point, std::string_view and what
/// converts to it, texts that end in NUL, pointers to data, and log_errno may.
template <class T>
inline constexpr bool is_loggable =
    !std::is_void_v<decltype(detail::as_log_argument<T>(std::declval<const T&>()))>;

}  // namespace loopbridge
