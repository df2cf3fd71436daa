#pragma once

#include <chrono>
#include <loopbridge/loopbridge.hpp>
#include <loopbridge/uv/owned.hpp>
#include <loopbridge/uv/timer.hpp>
#include <optional>
#include <string>
#include <vector>

#include "counted.hpp"

namespace support {

/// Writes its name when it ends; has a handle of libuv's, which it closes.
class ending_client {
 public:
  ending_client(loopbridge::loop_ref loop, std::string& ends, const char* name,
                counts* alive = nullptr)
      : ends_(ends), name_(name), pulse_(loop, [] {}) {
    if (alive != nullptr) alive_.emplace(*alive);
    pulse_.start(std::chrono::hours(1));
  }
  ~ending_client() { ends_ += name_; }
  ending_client(const ending_client&) = delete;
  ending_client& operator=(const ending_client&) = delete;

 private:
  std::string& ends_;
  const char* name_;
  std::optional<token> alive_;
  loopbridge::timer pulse_;
};

inline loopbridge::owned<ending_client> make_ending(loopbridge::bridge& b, std::string& ends,
                                                    const char* name, counts* alive = nullptr) {
  return loopbridge::owned(
      b, [&](loopbridge::loop_ref loop) { return ending_client(loop, ends, name, alive); });
}

/// The handles that a bridge has found open at its end.
struct found_open {
  loopbridge::options opts() {
    loopbridge::options o;
    o.on_open_handle = [this](const loopbridge::open_handle& h) { open.emplace_back(h.type); };
    return o;
  }
  std::vector<std::string> open;
};

}  // namespace support
