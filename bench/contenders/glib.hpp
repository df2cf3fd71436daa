#pragma once

#include <glib.h>

#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include "harness/contender.hpp"
#include "replying.hpp"

namespace bench {

/// GLib's own way: g_main_context_invoke_full(), a source for each call.
class glib : public replying<glib> {
 public:
  static constexpr std::string_view name = "GLib";
  static constexpr role is = role::peer;

  glib() {
    one_event running;
    thread_ = std::thread([&] {
      // Owned from here on: an invocation while nobody owns the context runs in its caller.
      g_main_context_push_thread_default(context_);
      abort_unless(g_main_context_acquire(context_));
      running.set();
      g_main_loop_run(loop_);
      g_main_context_release(context_);
      g_main_context_pop_thread_default(context_);
    });
    running.wait();
  }
  ~glib() {
    post([this] { g_main_loop_quit(loop_); });
    thread_.join();
    g_main_loop_unref(loop_);
    g_main_context_unref(context_);
  }
  glib(const glib&) = delete;
  glib& operator=(const glib&) = delete;

  template <class F>
  void post(F&& f) {
    using function = std::decay_t<F>;
    g_main_context_invoke_full(
        context_, G_PRIORITY_DEFAULT,
        [](gpointer data) -> gboolean {
          (*static_cast<function*>(data))();
          return G_SOURCE_REMOVE;
        },
        new function(std::forward<F>(f)),
        [](gpointer data) { delete static_cast<function*>(data); });
  }

 private:
  GMainContext* const context_ = g_main_context_new();
  GMainLoop* const loop_ = g_main_loop_new(context_, FALSE);
  std::thread thread_;
};

}  // namespace bench
