#include "loopbridge/uv/error.hpp"

#include <new>

namespace loopbridge {
namespace {

class libuv_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "libuv"; }
  std::string message(int code) const override {
    return std::string(uv_err_name(code)) + ": " + uv_strerror(code);
  }
  std::error_condition default_error_condition(int code) const noexcept override {
    // The codes that stand for no errno of this system's are below all that do.
    if (code > -1000) return {-code, std::generic_category()};
    return {code, *this};
  }
};

}  // namespace

// Here and not in the header: categories differ by their addresses. Never destroyed:
// errors may outlast main.
const std::error_category& uv_category() noexcept {
  alignas(libuv_category) static std::byte place[sizeof(libuv_category)];
  static const std::error_category& only = *new (place) libuv_category;
  return only;
}

namespace detail {
void throw_uv_error(int code, const std::string& what) {
  throw std::system_error(code, uv_category(), "loopbridge: " + what);
}
}  // namespace detail

}  // namespace loopbridge
