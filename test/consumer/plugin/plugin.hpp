#pragma once

#include <loopbridge/loopbridge.hpp>

// Of the program that loads the plugin: called while the dynamic linker makes the plugin's static
// objects, and while it destroys them.
extern "C" {
void plugin_is_loading();
void plugin_is_unloading();
}

/// What the plugin exports, as `plugin`.
struct plugin_functions {
  loopbridge::bridge& own;
  /// Has the bridge count in `to`, by code of the plugin's, so many times; without waiting.
  void (*post)(loopbridge::bridge& where, int& to, int times);
};
