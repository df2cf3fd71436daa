#pragma once

#include <concepts>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

/// A stand-in for std::execution: the member protocol, and what the tests need of algorithms, under
/// the standard's names. Debian's compilers have no senders. Stop tokens are std::stop_token's.
namespace mini_execution {

struct sender_tag {};
struct receiver_tag {};
struct operation_state_tag {};
struct scheduler_tag {};

struct set_value_t {
  template <class Receiver, class... Values>
  void operator()(Receiver&& to, Values&&... values) const noexcept {
    static_assert(noexcept(std::move(to).set_value(std::declval<Values>()...)));
    std::move(to).set_value(std::forward<Values>(values)...);
  }
};
struct set_error_t {
  template <class Receiver, class Error>
  void operator()(Receiver&& to, Error&& error) const noexcept {
    static_assert(noexcept(std::move(to).set_error(std::declval<Error>())));
    std::move(to).set_error(std::forward<Error>(error));
  }
};
struct set_stopped_t {
  template <class Receiver>
  void operator()(Receiver&& to) const noexcept {
    static_assert(noexcept(std::move(to).set_stopped()));
    std::move(to).set_stopped();
  }
};
inline constexpr set_value_t set_value{};
inline constexpr set_error_t set_error{};
inline constexpr set_stopped_t set_stopped{};

template <class... Signatures>
struct completion_signatures {};
template <class Sender, class... Env>
consteval auto get_completion_signatures() {
  return std::remove_cvref_t<Sender>::template get_completion_signatures<Sender, Env...>();
}

template <class... Queries>
struct env {};
struct get_env_t {
  template <class From>
  auto operator()(const From& from) const noexcept {
    if constexpr (requires { from.get_env(); }) {
      return from.get_env();
    } else {
      return env<>();
    }
  }
};
inline constexpr get_env_t get_env{};

struct never_stop_token {
  template <class F>
  struct callback_type {
    callback_type(never_stop_token, F) noexcept {}
  };
  static constexpr bool stop_requested() noexcept { return false; }
  static constexpr bool stop_possible() noexcept { return false; }
};
struct get_stop_token_t {
  template <class Env>
  auto operator()(const Env& of) const noexcept {
    if constexpr (requires { of.query(*this); }) {
      return of.query(*this);
    } else {
      return never_stop_token();
    }
  }
};
inline constexpr get_stop_token_t get_stop_token{};

template <class Token, class F>
struct stop_callback_for {
  using type = typename Token::template callback_type<F>;
};
template <class F>
struct stop_callback_for<std::stop_token, F> {
  using type = std::stop_callback<F>;
};
template <class Token, class F>
using stop_callback_for_t = typename stop_callback_for<Token, F>::type;

template <class Tag>
struct get_completion_scheduler_t {
  template <class Env>
    requires requires(const Env& e, get_completion_scheduler_t q) { e.query(q); }
  auto operator()(const Env& of) const noexcept {
    return of.query(*this);
  }
};
template <class Tag>
inline constexpr get_completion_scheduler_t<Tag> get_completion_scheduler{};
template <class Tag>
struct get_completion_domain_t {};

struct connect_t {
  template <class Sender, class Receiver>
  auto operator()(Sender&& from, Receiver to) const {
    return std::forward<Sender>(from).connect(std::move(to));
  }
};
struct start_t {
  template <class Operation>
  void operator()(Operation& of) const noexcept {
    static_assert(noexcept(of.start()));
    of.start();
  }
};
struct schedule_t {
  template <class Scheduler>
  auto operator()(const Scheduler& on) const {
    return on.schedule();
  }
};
inline constexpr connect_t connect{};
inline constexpr start_t start{};
inline constexpr schedule_t schedule{};

struct default_domain {
  template <class Tag, class Sender>
  auto apply_sender(Tag tag, Sender&& of) const {
    return tag.apply_sender(std::forward<Sender>(of));
  }
};

/// What set_value() is called with: a tuple of it.
template <class... Values, class... Others>
std::tuple<Values...> value_of(completion_signatures<set_value_t(Values...), Others...>);
template <class Sender>
using values_of = decltype(value_of(mini_execution::get_completion_signatures<Sender>()));

/// then(sender, f).
template <class Receiver, class F>
struct then_receiver {
  using receiver_concept = receiver_tag;
  Receiver to;
  F f;
  template <class... Values>
  void set_value(Values&&... values) && noexcept {
    try {
      if constexpr (std::is_void_v<std::invoke_result_t<F, Values...>>) {
        std::move(f)(std::forward<Values>(values)...);
        mini_execution::set_value(std::move(to));
      } else {
        mini_execution::set_value(std::move(to), std::move(f)(std::forward<Values>(values)...));
      }
    } catch (...) {
      mini_execution::set_error(std::move(to), std::current_exception());
    }
  }
  void set_error(std::exception_ptr e) && noexcept {
    mini_execution::set_error(std::move(to), std::move(e));
  }
  void set_stopped() && noexcept { mini_execution::set_stopped(std::move(to)); }
  auto get_env() const noexcept { return mini_execution::get_env(to); }
};
template <class Sender, class F>
struct then_sender {
  using sender_concept = sender_tag;
  Sender from;
  F f;
  template <class... Values>
  static auto with(std::tuple<Values...>) {
    using result = std::invoke_result_t<F, Values...>;
    if constexpr (std::is_void_v<result>) {
      return completion_signatures<set_value_t(), set_error_t(std::exception_ptr),
                                   set_stopped_t()>();
    } else {
      return completion_signatures<set_value_t(result), set_error_t(std::exception_ptr),
                                   set_stopped_t()>();
    }
  }
  template <class Self, class... Env>
  static consteval auto get_completion_signatures() noexcept {
    return decltype(with(std::declval<values_of<Sender>>()))();
  }
  template <class Receiver>
  auto connect(Receiver to) && {
    return std::move(from).connect(then_receiver<Receiver, F>{std::move(to), std::move(f)});
  }
  auto get_env() const noexcept { return mini_execution::get_env(from); }
};
template <class Sender, class F>
then_sender<Sender, F> then(Sender from, F f) {
  return {std::move(from), std::move(f)};
}

struct sync_wait_t {
  /// As the domain says in which the sender completes, if it has one.
  template <class Sender>
  auto operator()(Sender&& of) const {
    constexpr get_completion_domain_t<set_value_t> domain{};
    if constexpr (requires { mini_execution::get_env(of).query(domain); }) {
      return mini_execution::get_env(of).query(domain).apply_sender(*this,
                                                                    std::forward<Sender>(of));
    } else {
      return apply_sender(std::forward<Sender>(of));
    }
  }
  /// Blocks: empty if it was stopped.
  template <class Sender>
  auto apply_sender(Sender&& of) const {
    using values = values_of<Sender>;
    struct shared {
      std::mutex mutex;
      std::condition_variable changed;
      bool done = false;
      std::optional<values> value;
      std::exception_ptr error;
      void end() {
        const std::lock_guard lock(mutex);
        done = true;
        changed.notify_all();
      }
    } state;
    auto operation = std::forward<Sender>(of).connect(waiting<shared>{&state});
    operation.start();
    std::unique_lock lock(state.mutex);
    state.changed.wait(lock, [&] { return state.done; });
    if (state.error != nullptr) std::rethrow_exception(state.error);
    return std::move(state.value);
  }

 private:
  template <class Shared>
  struct waiting {
    using receiver_concept = receiver_tag;
    Shared* of;
    template <class... Values>
    void set_value(Values&&... got) && noexcept {
      of->value.emplace(std::forward<Values>(got)...);
      of->end();
    }
    void set_error(std::exception_ptr e) && noexcept {
      of->error = std::move(e);
      of->end();
    }
    void set_stopped() && noexcept { of->end(); }
  };
};
inline constexpr sync_wait_t sync_wait{};

}  // namespace mini_execution
