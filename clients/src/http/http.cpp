#include "loopbridge/clients/http.hpp"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "engine.hpp"
#include "loopbridge/uv/owned.hpp"
#include "waiting.hpp"

namespace loopbridge::clients {
namespace {

struct url_cleanup {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
  void operator()(char* text) const noexcept { curl_free(text); }
};

/// A part of the URL; empty if it has none.
std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, url_cleanup> kept(text);
  return text;
}

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("http_request: " + what);
}

/// Scheme, host and port.
std::string host_of(const std::string& text) {
  const std::unique_ptr<CURLU, url_cleanup> url(curl_url());
  if (!url) throw std::bad_alloc();
  // The text of an URL may hold a password, and stays out of the message.
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0);
  if (code != CURLUE_OK || text.find('\0') != std::string::npos) {
    refuse(std::string("the url is not understood (") + curl_url_strerror(code) +
           "); give http:// or https:// and the rest, percent-encoded");
  }
  const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https")
    refuse("the url's scheme is " + scheme + "; only http and https are spoken here");
  return scheme + "://" + part_of(url.get(), CURLUPART_HOST) + ":" +
         part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

/// May stand in a method or a header's name?
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > ' ' && c < 127 &&
           std::string_view("\"(),/:;<=>?@[\\]{}").find(static_cast<char>(c)) ==
               std::string_view::npos;
  });
}

void check(const http_request& r) {
  if (!is_token(r.method)) refuse("the method is not one word, as GET is");
  if ((r.method == "GET" || r.method == "HEAD") && !r.body.empty())
    refuse("a " + r.method + " has no body; give another method");
  for (const auto& [name, value] : r.headers) {
    if (!is_token(name)) refuse("a header's name is no word of letters, digits and hyphens");
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      refuse("the header " + name + " has a line's end or a zero byte in its value; encode it");
  }
}

void check(const http_options& o) {
  const auto refuse = [](const std::string& why) {
    throw std::invalid_argument("http_options: " + why);
  };
  if (o.connections_per_host == 0 || o.answer_limit == 0)
    refuse("connections_per_host and answer_limit are at least 1");
  if (o.timeout.count() <= 0) refuse("timeout must be more than 0");
  if (o.proxy.find('\0') != std::string::npos || o.ca_file.find('\0') != std::string::npos)
    refuse("there is a zero byte in proxy or ca_file");
  if (!o.proxy.empty()) {
    const std::unique_ptr<CURLU, url_cleanup> url(curl_url());
    if (!url) throw std::bad_alloc();
    const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, o.proxy.c_str(),
                                        CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
    if (code != CURLUE_OK || part_of(url.get(), CURLUPART_PORT) == "0")
      refuse("proxy is no URL such as http://10.0.0.7:3128");  // it may hold a password
  }
  if (!o.ca_file.empty() && ::access(o.ca_file.c_str(), R_OK) != 0)
    refuse("ca_file '" + o.ca_file + "' cannot be read");
}

}  // namespace

std::optional<std::string_view> http_response::header(std::string_view name) const {
  for (const auto& [own, value] : headers) {
    if (own.size() == name.size() && ::strncasecmp(own.data(), name.data(), name.size()) == 0)
      return value;
  }
  return std::nullopt;
}

struct http::impl {
  std::chrono::nanoseconds timeout;
  owned<http_engine> engine;
};

http::http(bridge& on, http_options options) {
  check(options);
  const auto timeout = options.timeout;
  impl_ = std::unique_ptr<impl>(
      new impl{timeout, owned<http_engine>(on, [options = std::move(options)](loop_ref loop) {
                 return http_engine(loop, options);
               })});
}

http::~http() = default;
http::http(http&&) noexcept = default;
http& http::operator=(http&&) noexcept = default;

http_response http::get(std::string url, std::source_location where) {
  return call({.url = std::move(url)}, where);
}

http_response http::post(std::string url, std::string body, std::string content_type,
                         std::source_location where) {
  return call({.method = "POST",
               .url = std::move(url),
               .headers = {{"Content-Type", std::move(content_type)}},
               .body = std::move(body)},
              where);
}

http_response http::call(http_request request, std::source_location where) {
  return call_within(impl_->timeout, std::move(request), where);
}

eventual<http_response> http::submit(http_request request, std::source_location where) {
  return submit_within(impl_->timeout, std::move(request), where);
}

namespace {
http_call checked(http_request&& request, std::chrono::nanoseconds timeout) {
  check(request);
  const auto now = std::chrono::steady_clock::now();
  std::string host = host_of(request.url);
  return {std::move(request), std::move(host), now, detail::end_of(now, timeout)};
}
auto starts(http_call&& c) {
  return [call = std::move(c)](http_engine& e) mutable { return e.start(std::move(call)); };
}
}  // namespace

http_response http::call_within(std::chrono::nanoseconds timeout, http_request&& request,
                                std::source_location where) {
  http_call call = checked(std::move(request), timeout);
  const std::string peer = "http " + call.host;
  return call_in_time(impl_->engine, timeout, peer, starts(std::move(call)), where);
}

eventual<http_response> http::submit_within(std::chrono::nanoseconds timeout,
                                            http_request&& request, std::source_location where) {
  return impl_->engine.submit(starts(checked(std::move(request), timeout)), where);
}

}  // namespace loopbridge::clients
