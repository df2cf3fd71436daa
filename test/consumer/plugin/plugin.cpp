#include "plugin.hpp"

namespace {

struct whole_life {
  whole_life() { plugin_is_loading(); }
  ~whole_life() { plugin_is_unloading(); }
};

const whole_life first_to_last;
loopbridge::bridge own;
const int answer = own.call([] { return 42; });

void post(loopbridge::bridge& where, int& to, int times) {
  for (int i = 0; i < times; ++i) where.post([&to] { ++to; });
}

}  // namespace

extern "C" {
extern const plugin_functions plugin;
extern const int plugin_answer;
const plugin_functions plugin{own, post};
const int plugin_answer = answer;
}
