#pragma once

#include <kj/async-io.h>
#include <kj/async.h>

#include <string_view>
#include <thread>
#include <type_traits>

#include "harness/contender.hpp"
#include "replying.hpp"

namespace bench {

/// Cap'n Proto's Executor::executeSync. There is no fire and forget: executeAsync's promise must
/// be kept, by a caller that has a kj loop of its own.
class kj_executor {
 public:
  static constexpr std::string_view name = "kj";
  static constexpr role is = role::peer;

  kj_executor() {
    one_event running;
    thread_ = std::thread([&] {
      auto io = kj::setupAsyncIo();
      auto quit = kj::newPromiseAndFulfiller<void>();
      quit_ = quit.fulfiller.get();
      executor_ = kj::getCurrentThreadExecutor().addRef();
      running.set();
      quit.promise.wait(io.waitScope);
    });
    running.wait();
  }
  ~kj_executor() noexcept {
    call([this] { quit_->fulfill(); });
    thread_.join();
  }
  kj_executor(const kj_executor&) = delete;
  kj_executor& operator=(const kj_executor&) = delete;

  template <class F>
  std::invoke_result_t<F&> call(F&& f) {
    return executor_->executeSync([&f] { return f(); });
  }

 private:
  kj::Own<const kj::Executor> executor_;
  kj::PromiseFulfiller<void>* quit_ = nullptr;  ///< the loop's
  std::thread thread_;
};

}  // namespace bench
