#pragma once

// The senders that the tests are built with: stdexec's, where LOOPBRIDGE_TEST_STDEXEC asks for them
// (they must be on the include path); else the stand-in's.
#ifdef LOOPBRIDGE_TEST_STDEXEC
#include <stdexec/execution.hpp>
namespace ex = stdexec;
#else
#include "mini_execution.hpp"
#define LOOPBRIDGE_EXECUTION_NAMESPACE mini_execution
namespace ex = mini_execution;
#endif

#include <exception>
#include <loopbridge/execution.hpp>
#include <optional>
#include <stop_token>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

#include "gate.hpp"

namespace support {

/// How an operation has ended, how often, and on which thread.
template <class... Values>
struct ending {
  std::optional<std::tuple<Values...>> value;
  std::exception_ptr error;
  bool stopped = false;
  int count = 0;
  std::thread::id on;
  gate done;

  /// False: it has not.
  [[nodiscard]] bool wait() const { return done.wait(); }
  void end() {
    ++count;
    on = std::this_thread::get_id();
    done.open();
  }
};

/// Writes that down.
template <class... Values>
class receiver {
 public:
  using receiver_concept = ex::receiver_tag;

  struct env {
    std::stop_token token;
    auto query(const ex::get_stop_token_t&) const noexcept { return token; }
  };

  explicit receiver(ending<Values...>& to, std::stop_token token = {}) noexcept
      : to_(&to), token_(std::move(token)) {}

  template <class... Got>
  void set_value(Got&&... got) && noexcept {
    to_->value.emplace(std::forward<Got>(got)...);
    to_->end();
  }
  void set_error(std::exception_ptr error) && noexcept {
    to_->error = std::move(error);
    to_->end();
  }
  void set_stopped() && noexcept {
    to_->stopped = true;
    to_->end();
  }
  env get_env() const noexcept { return {token_}; }

 private:
  ending<Values...>* to_;
  std::stop_token token_;
};

/// Is it an `Error`?
template <class Error>
bool is_a(const std::exception_ptr& error) {
  try {
    if (error != nullptr) std::rethrow_exception(error);
  } catch (const Error&) {
    return true;
  } catch (...) {
  }
  return false;
}

}  // namespace support
