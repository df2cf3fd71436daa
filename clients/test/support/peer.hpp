#pragma once

#include <string>
#include <string_view>

namespace support {

/// A server that misbehaves as a test tells it, over plain sockets. Each step waits for what it is
/// about, and fails the test when that does not come in time.
class peer {
 public:
  /// On 127.0.0.1, or on ::1: is_listening() says whether the machine has that.
  explicit peer(bool version_6 = false);
  ~peer();
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;

  bool is_listening() const noexcept { return port_ != 0; }
  int port() const noexcept { return port_; }

  /// Takes the next connection, and closes the one before.
  void accept();
  /// Reads up to the end of `text`, and gives what it has read.
  std::string read_until(std::string_view text);
  void send(std::string_view bytes) const;
  /// The other side has closed, or reset, the connection.
  bool is_closed_in_time() const;
  void close();
  /// Closes it so that the other side's next step fails: ECONNRESET.
  void reset();

 private:
  int listener_;
  int connection_ = -1;
  int port_ = 0;
  std::string left_;  ///< read, and not asked for
};

}  // namespace support
