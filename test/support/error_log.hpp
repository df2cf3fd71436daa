#pragma once

#include <condition_variable>
#include <exception>
#include <loopbridge/options.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gate.hpp"

namespace support {

/// Collects what a bridge hands to options::on_unhandled_error.
class error_log {
 public:
  struct entry {
    std::exception_ptr error;
    std::string what;
    std::string file;  ///< empty: the place is not known
    unsigned line;
    std::string bridge;
    std::thread::id thread;
  };

  /// For options::on_unhandled_error; good however late it is called.
  auto hook() const {
    return [log = log_](const loopbridge::unhandled_error& e) {
      entry made{e.error,        text_of(e.error), e.where.file_name(),
                 e.where.line(), e.bridge,         std::this_thread::get_id()};
      const std::lock_guard lock(log->mutex);
      log->entries.push_back(std::move(made));
      log->changed.notify_all();
    };
  }

  std::vector<entry> entries() const {
    const std::lock_guard lock(log_->mutex);
    return log_->entries;
  }
  std::size_t size() const { return entries().size(); }
  /// Waits for the n-th; false: it did not come.
  bool wait_for(std::size_t n) const {
    std::unique_lock lock(log_->mutex);
    return log_->changed.wait_for(lock, generous, [&] { return log_->entries.size() >= n; });
  }

 private:
  static std::string text_of(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      return e.what();
    } catch (...) {
      return "not a std::exception";
    }
  }

  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<entry> entries;
  };
  std::shared_ptr<shared> log_ = std::make_shared<shared>();
};

/// The options of a bridge that reports to `log`.
inline loopbridge::options reporting_to(const error_log& log, loopbridge::options opts = {}) {
  opts.on_unhandled_error = log.hook();
  return opts;
}

/// Is it an E?
template <class E>
bool holds(const std::exception_ptr& error) {
  if (error == nullptr) return false;
  try {
    std::rethrow_exception(error);
  } catch (const E&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace support
