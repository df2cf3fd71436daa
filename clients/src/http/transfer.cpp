#include "transfer.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

namespace loopbridge::clients {
namespace {

/// Unacknowledged for so long, a connection is given up. It ends no answer that is slow.
constexpr int unacknowledged_ms = 10'000;

bool is(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return text;
}

}  // namespace

http_transfer::http_transfer(http_call call, const http_options& options, http_sockets& sockets)
    : call_(std::move(call)), options_(options), sockets_(sockets) {}

template <class Value>
void http_transfer::set(CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy(), option, value);
  if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLE_OK) {
    throw error("libcurl refuses an option (" + std::to_string(option) +
                "): " + curl_easy_strerror(code) + "; it must be 7.85 or newer, with HTTP and TLS");
  }
}

void http_transfer::begin() {
  easy_.reset(curl_easy_init());
  if (!easy_) throw std::bad_alloc();
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, error_text_.data());
  set(CURLOPT_URL, call_.request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");  // also of redirects: file:// is one of curl's
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROXY, options_.proxy.c_str());
  if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
  // Else a transfer that ends while its name is looked up waits for the resolver's thread: with
  // all of the loop.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, 10L);
  set(CURLOPT_TCP_KEEPINTVL, 5L);
  // It divides the time among a name's addresses. The deadline itself is the engine's.
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(std::min<std::chrono::steady_clock::duration>(
          call_.due - std::chrono::steady_clock::now(), std::chrono::hours(1)));
  set(CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, static_cast<long>(left.count())));

  set(CURLOPT_RESOLVER_START_FUNCTION, &on_resolve);
  set(CURLOPT_RESOLVER_START_DATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &on_open);
  set(CURLOPT_OPENSOCKETDATA, this);
  // A connection outlives its request, so its end is told to what outlives both.
  set(
      CURLOPT_CLOSESOCKETFUNCTION, +[](void* sockets, curl_socket_t socket) {
        static_cast<http_sockets*>(sockets)->closing(socket);
        return ::close(socket);
      });
  set(CURLOPT_CLOSESOCKETDATA, &sockets_);
  set(CURLOPT_PREREQFUNCTION, &on_request);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, this);
  set_method();
  set_headers();
}

void http_transfer::set_method() {
  const http_request& r = call_.request;
  if (r.method == "GET" || r.method == "HEAD") {
    set(r.method == "HEAD" ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
    set(CURLOPT_FOLLOWLOCATION, options_.redirects > 0 ? 1L : 0L);
    set(CURLOPT_MAXREDIRS, static_cast<long>(options_.redirects));
    return;
  }
  set(CURLOPT_CUSTOMREQUEST, r.method.c_str());
  if (r.body.empty() && r.method != "POST" && r.method != "PUT" && r.method != "PATCH") return;
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
  set(CURLOPT_POSTFIELDS, r.body.data());
}

void http_transfer::set_headers() {
  curl_slist* list = nullptr;
  const auto append = [&](const std::string& line) {
    curl_slist* const longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr) {
      curl_slist_free_all(list);
      throw std::bad_alloc();
    }
    list = longer;
  };
  append("Expect:");  // else a long body waits a second for servers that do not know it
  const auto& given = call_.request.headers;
  if (std::none_of(given.begin(), given.end(), [](auto& h) { return is(h.first, "content-type"); }))
    append("Content-Type:");  // else curl says that it is a form
  for (const auto& [name, value] : given) append(value.empty() ? name + ";" : name + ": " + value);
  headers_.reset(list);
  set(CURLOPT_HTTPHEADER, list);
}

bool http_transfer::begin_again() {
  if (!std::exchange(stale_, false) || sent_) return false;
  set(CURLOPT_FRESH_CONNECT, 1L);
  return true;
}

int http_transfer::on_resolve(void*, void*, void* self) {
  auto& t = *static_cast<http_transfer*>(self);
  if (!t.silent_) t.phase_ = phase::resolving;
  return 0;
}

curl_socket_t http_transfer::on_open(void* self, curlsocktype, curl_sockaddr* address) {
  auto& t = *static_cast<http_transfer*>(self);
  if (t.silent_) {  // for a second attempt
    t.lost_ = true;
    return CURL_SOCKET_BAD;
  }
  t.phase_ = phase::connecting;
  const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd == -1) return CURL_SOCKET_BAD;
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
  try {
    t.opened_.push_back(fd);
  } catch (...) {
    ::close(fd);
    return CURL_SOCKET_BAD;
  }
  return fd;
}

/// A connection is there, new or kept, and curl is about to send the request on it. That it does so
/// although it has sent it before, without a word of an answer, it does where a kept connection was
/// closed. But the server may have executed the request before that.
int http_transfer::on_request(void* self, char*, char*, int remote_port, int local_port) {
  auto& t = *static_cast<http_transfer*>(self);
  if (t.silent_) {
    t.lost_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
  const http_sockets::ports of{local_port, remote_port};
  if (!t.opened_.empty()) {
    try {
      t.sockets_.remember(t.opened_, of);
    } catch (...) {  // it is not looked at then, before it is used again
    }
  } else if (const bool quiet = t.call_.host.starts_with("http:");  // TLS may have sent a ticket
             t.sockets_.is_dead(of, quiet)) {
    t.stale_ = true;
    return CURL_PREREQFUNC_ABORT;
  }
  t.sent_ = t.silent_ = true;
  t.phase_ = phase::waiting;
  return CURL_PREREQFUNC_OK;
}

bool http_transfer::receive(std::size_t size) noexcept {
  received_ += size;
  too_long_ = received_ > options_.answer_limit;
  return !too_long_;
}

std::size_t http_transfer::on_header(char* data, std::size_t, std::size_t size, void* self) {
  auto& t = *static_cast<http_transfer*>(self);
  t.silent_ = false;
  t.phase_ = phase::reading;
  if (!t.receive(size)) return 0;
  try {
    const std::string_view line(data, size);
    if (line.substr(0, 5) == "HTTP/") t.response_.headers.clear();  // after a redirect, or a 100
    if (const auto colon = line.find(':'); colon != std::string_view::npos && colon > 0)
      t.response_.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    return size;
  } catch (...) {
    return 0;  // no memory: curl says so
  }
}

std::size_t http_transfer::on_body(char* data, std::size_t, std::size_t size, void* self) {
  auto& t = *static_cast<http_transfer*>(self);
  if (!t.receive(size)) return 0;
  try {
    t.response_.body.append(data, size);
    return size;
  } catch (...) {
    return 0;
  }
}

outcome http_transfer::result() const noexcept {
  if (!sent_) return outcome::not_sent;
  return too_long_ ? outcome::answered : outcome::unknown;
}

std::string http_transfer::reason(CURLcode code) const {
  if (lost_) return "the connection was closed without an answer";
  if (too_long_) {
    return "the answer is longer than http_options::answer_limit (" +
           std::to_string(options_.answer_limit) + " bytes)";
  }
  return error_text_[0] != '\0' ? error_text_.data() : curl_easy_strerror(code);
}

void http_transfer::finish(CURLcode code) {
  if (failure) {
    done.reject(failure);
    return;
  }
  if (code == CURLE_OPERATION_TIMEDOUT) return expire();
  if (code != CURLE_OK) return fail(reason(code));
  long status = 0;
  curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  done.resolve(std::move(response_));
}

void http_transfer::fail(std::string_view why) {
  reject<request_error>(why);
}

void http_transfer::expire() {
  reject<request_timed_out>("timed out");
}

template <class Error>
void http_transfer::reject(std::string_view why) {
  // In two steps, so that no copy of the error is left here when its waiter has it.
  std::exception_ptr error = std::make_exception_ptr(Error(
      result(), "http " + call_.host, phase_, std::chrono::steady_clock::now() - call_.since, why));
  done.reject(std::move(error));
}

}  // namespace loopbridge::clients
