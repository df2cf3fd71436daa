#pragma once

#include <curl/curl.h>

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "loopbridge/clients/deadlines.hpp"
#include "loopbridge/clients/http.hpp"
#include "loopbridge/results/deferred.hpp"
#include "sockets.hpp"

namespace loopbridge::clients {

/// A request that has been found to make sense, on its way to the loop.
struct http_call {
  http_request request;
  std::string host;  ///< "http://127.0.0.1:8080": whose connections it may use
  std::chrono::steady_clock::time_point since;
  std::chrono::steady_clock::time_point due;
};

/// One request with its answer, and curl's handle for it. Loop thread.
class http_transfer {
 public:
  http_transfer(http_call call, const http_options& options, http_sockets& sockets);
  http_transfer(const http_transfer&) = delete;
  http_transfer& operator=(const http_transfer&) = delete;

  CURL* easy() const noexcept { return easy_.get(); }
  const http_call& call() const noexcept { return call_; }

  /// Sets up curl's handle, when the request's turn has come.
  void begin();
  /// Did curl want to send it on a kept connection that is dead? Then it was not sent; this begins
  /// it once more, on a connection of its own.
  bool begin_again();
  /// Ends the request with what curl says, or with an error of ours.
  void finish(CURLcode code);
  void fail(std::string_view why);
  void expire();

  completer<http_response> done;
  deadlines<http_transfer>::entry deadline;
  bool begun = false;
  std::exception_ptr failure;  ///< why it could not even begin

 private:
  struct cleanup {
    void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
  };

  static int on_resolve(void*, void*, void* self);
  static curl_socket_t on_open(void* self, curlsocktype, curl_sockaddr* address);
  static int on_request(void* self, char*, char*, int remote_port, int local_port);
  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self);
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self);

  template <class Value>
  void set(CURLoption option, Value value);
  void set_method();
  void set_headers();
  template <class Error>
  void reject(std::string_view why);
  bool receive(std::size_t size) noexcept;
  outcome result() const noexcept;
  std::string reason(CURLcode code) const;

  http_call call_;
  const http_options& options_;
  http_sockets& sockets_;
  std::unique_ptr<CURL, cleanup> easy_;
  std::unique_ptr<curl_slist, cleanup> headers_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  http_response response_;
  std::size_t received_ = 0;
  phase phase_ = phase::queued;
  std::vector<curl_socket_t> opened_;
  bool stale_ = false;     ///< the kept connection is dead
  bool sent_ = false;      ///< curl has begun to send it
  bool silent_ = false;    ///< sent, and nothing has come back yet
  bool lost_ = false;      ///< curl wanted to send it again
  bool too_long_ = false;  ///< the answer
};

}  // namespace loopbridge::clients
