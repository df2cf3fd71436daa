#pragma once

/// What the sanitizers that a test may be built with cannot bear.
namespace support {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool has_asan = true;
#elif defined(__has_feature)
inline constexpr bool has_asan = __has_feature(address_sanitizer);
#else
inline constexpr bool has_asan = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr bool has_tsan = true;
#elif defined(__has_feature)
inline constexpr bool has_tsan = __has_feature(thread_sanitizer);
#else
inline constexpr bool has_tsan = false;
#endif

/// ThreadSanitizer ends a forked child of several threads that starts one.
inline constexpr bool children_may_start_threads = !has_tsan;

/// UndefinedBehaviorSanitizer, which comes with AddressSanitizer here, needs a pipe to look at
/// memory, and without one reports what is not so.
inline constexpr bool children_may_lack_descriptors = !has_tsan && !has_asan;

}  // namespace support
