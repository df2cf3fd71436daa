#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "file_server.hpp"
#include "protocol.hpp"

namespace tour {

/// One connection of the server: plain libuv, each callback beginning the next step.
///
///   receive -> open -> stat -> send the head -> (read a chunk -> send it)... -> receive
///
/// It owns itself, from accept() until its handle is closed and its file request is over, and tells
/// its owner when it begins and ends.
class file_session {
 public:
  class owner {
   public:
    virtual const std::vector<std::string>& files() const = 0;
    virtual file_server::counts& counts() = 0;
    virtual void opened(file_session& s) = 0;
    virtual void ended(file_session& s) = 0;

   protected:
    ~owner() = default;
  };

  static void accept(uv_stream_t* listener, owner& o);
  void close();

 private:
  explicit file_session(owner& o) : owner_(o) {}

  void receive();
  void open_file();
  void file_opened(ssize_t result);
  void file_known(ssize_t result);
  void send_head(answer_head head);
  void send(char* data, std::size_t size);
  void sent(int status);
  void chunk_read(ssize_t result);
  void close_file();
  void end_if_over();

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&peer_); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&peer_); }

  /// A callback for a file request that goes on with `next(result)`, unless this is closing.
  template <void (file_session::*Next)(ssize_t)>
  static void then(uv_fs_t* request);

  owner& owner_;
  uv_tcp_t peer_{};
  uv_write_t writing_{};
  uv_fs_t fs_{};
  bool fs_busy_ = false;
  bool closed_ = false;

  request request_ = 0;
  std::size_t request_received_ = 0;  ///< of its bytes
  uv_file file_ = -1;
  answer_head head_ = 0;
  std::uint64_t offset_ = 0, left_ = 0;
  std::array<char, chunk_size> buffer_;
};

}  // namespace tour
