#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "support/server.hpp"

namespace support {

/// A certificate for `localhost`, which is its own authority, and its key.
class certificate {
 public:
  certificate() {
    // Readable by the server, which may be another user.
    const std::string make =
        "cd " + directory_.path() +
        " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        " -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key -out certificate"
        " 2>log && chmod 755 . && chmod 644 key certificate";
    REQUIRE(std::system(make.c_str()) == 0);
  }

  std::string path() const { return directory_.path() + "/certificate"; }
  std::string key() const { return directory_.path() + "/key"; }

 private:
  scratch_directory directory_;
};

}  // namespace support
