#pragma once

#include <QCoreApplication>
#include <QMetaObject>
#include <QObject>
#include <QThread>
#include <string_view>
#include <type_traits>
#include <utility>

#include "harness/contender.hpp"

namespace bench {

/// Qt's own way: QMetaObject::invokeMethod, queued or blocking, on an object in a QThread.
class qt {
 public:
  static constexpr std::string_view name = "Qt 5";
  static constexpr role is = role::peer;

  qt() {
    application();
    object_.moveToThread(&thread_);
    thread_.start();
    call([] {});
  }
  ~qt() {
    post([this] { thread_.quit(); });
    thread_.wait();
  }
  qt(const qt&) = delete;
  qt& operator=(const qt&) = delete;

  template <class F>
  void post(F&& f) {
    QMetaObject::invokeMethod(&object_, std::forward<F>(f), Qt::QueuedConnection);
  }

  template <class F>
  std::invoke_result_t<F&> call(F&& f) {
    // Exceptions do not pass through Qt; the measures throw none.
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      QMetaObject::invokeMethod(&object_, [&f] { f(); }, Qt::BlockingQueuedConnection);
    } else {
      std::invoke_result_t<F&> result{};
      QMetaObject::invokeMethod(
          &object_, [&f] { return f(); }, Qt::BlockingQueuedConnection, &result);
      return result;
    }
  }

 private:
  /// Qt's event loops want one to be there. Never destroyed: there is nothing for it to do.
  static void application() {
    static int argc = 1;
    static char program[] = "bench";
    static char* argv[] = {program, nullptr};
    static auto* const app = new QCoreApplication(argc, argv);
    static_cast<void>(app);
  }

  QThread thread_;
  QObject object_;
};

}  // namespace bench
