#pragma once

#include <source_location>
#include <type_traits>
#include <utility>

#include "loopbridge/errors.hpp"
#include "loopbridge/results/eventual.hpp"
#include "loopbridge/status.hpp"

namespace loopbridge {

/// What try_submit() gives: a status, and, where that is `accepted`, the eventual.
///
///   if (auto s = bridge.try_submit(f)) use(std::move(s).answer());
///   else report(to_string(s.status()));
///
/// Move-only. Dropping it drops the eventual, see there.
///
/// Thread   any ordinary thread, one at a time. Nothing of it blocks.
template <class T>
class [[nodiscard("it says whether the call was accepted")]] submission {
 public:
  submission(loopbridge::status refused, std::source_location where) noexcept
      : status_(refused), where_(where) {}
  submission(eventual<T>&& answer, std::source_location where) noexcept
      : answer_(std::move(answer)), status_(loopbridge::status::accepted), where_(where) {}

  loopbridge::status status() const noexcept { return status_; }
  /// Was it accepted?
  explicit operator bool() const noexcept { return status_ == loopbridge::status::accepted; }

  /// The eventual.
  ///
  /// Throws   where the call was refused, `bridge_stopped`, `bridge_full`, `exhausted` or
  ///          `wrong_process`, by the status.
  eventual<T>& answer() & {
    throw_unless_ok(status_, where_);
    return answer_;
  }
  eventual<T> answer() && {
    throw_unless_ok(status_, where_);
    return std::move(answer_);
  }

 private:
  eventual<T> answer_;
  loopbridge::status status_;
  std::source_location where_;
};

}  // namespace loopbridge
