#pragma once

#include <type_traits>
#include <utility>

#include "loopbridge/detail/execution/vocabulary.hpp"
#include "loopbridge/detail/sync/completion.hpp"

/// A sender as it is, but that its end is noted before its receiver hears of it: by a sync_wait()
/// that stands in the graph of waits. For there a wait whose answer has come closes no circle,
/// though its thread may have yet to wake.
namespace loopbridge::detail {

template <class Receiver>
class noting_receiver {
 public:
  using receiver_concept = ex::receiver_tag;

  noting_receiver(completion& ended, Receiver&& to) : ended_(&ended), to_(std::move(to)) {}

  template <class... Values>
  void set_value(Values&&... values) && noexcept {
    note();
    ex::set_value(std::move(to_), std::forward<Values>(values)...);
  }
  template <class Error>
  void set_error(Error&& error) && noexcept {
    note();
    ex::set_error(std::move(to_), std::forward<Error>(error));
  }
  void set_stopped() && noexcept {
    note();
    ex::set_stopped(std::move(to_));
  }
  decltype(auto) get_env() const noexcept { return ex::get_env(to_); }

 private:
  void note() const noexcept { ended_->publish(completion::queued, true); }

  completion* ended_;
  Receiver to_;
};

template <class Sender>
class noting_sender {
 public:
  using sender_concept = ex::sender_tag;

  template <class From>
  noting_sender(completion& ended, From&& from) : ended_(&ended), from_(std::forward<From>(from)) {}

  template <class Self, class... Env>
  static consteval auto get_completion_signatures() {
    return ex::get_completion_signatures<Sender, Env...>();
  }
  template <class Receiver>
  auto connect(Receiver to) && {
    return ex::connect(std::move(from_), noting_receiver<Receiver>(*ended_, std::move(to)));
  }
  decltype(auto) get_env() const noexcept { return ex::get_env(from_); }

 private:
  completion* ended_;
  Sender from_;
};

}  // namespace loopbridge::detail
