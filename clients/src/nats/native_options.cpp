#include <nats/nats.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

#include "message.hpp"
#include "port.hpp"

namespace loopbridge::clients {
namespace {

/// The URL of a server, without the user and password that may be in it.
std::string without_secrets(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t at = url.rfind('@');
  return url.substr(at == std::string::npos || at < begin ? begin : at + 1);
}

void check_server(const std::string& url) {
  const auto refuse = [&](const char* why) {
    throw std::invalid_argument("nats_options: the server '" + without_secrets(url) + "' " + why);
  };
  if (url.empty() || std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' '; }))
    refuse("is no URL; give one as nats://10.0.0.7:4222");
  const std::size_t scheme = std::min(url.find("://"), url.size());
  if (scheme != url.size() && url.substr(0, scheme) != "nats" && url.substr(0, scheme) != "tls")
    refuse("has a scheme that is neither nats:// nor tls://");
  const std::string address = without_secrets(url);
  if (address.empty() || address.starts_with(':')) refuse("names no host");
  if (!has_good_port(address)) refuse("has a port that is not between 1 and 65535");
}

/// nats.c adds it to a time, without a look whether that can be told.
std::int64_t in_ms(std::chrono::milliseconds d) {
  return std::min<std::chrono::milliseconds>(d, std::chrono::hours(1)).count();
}

/// As it stands in JSON: nats.c writes these into the text of its CONNECT as they are.
std::string in_json(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ') {
      static constexpr const char* hex = "0123456789abcdef";
      escaped.append("\\u00").append({hex[c >> 4], hex[c & 15]});
    } else {
      if (c == '"' || c == '\\') escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

void check(natsStatus s) {
  if (s == NATS_NO_MEMORY) throw std::bad_alloc();
  if (s != NATS_OK) throw error(std::string("nats.c: ") + natsStatus_GetText(s));
}

void check(const nats_options& o) {
  if (o.servers.empty()) throw std::invalid_argument("nats_options: servers is empty");
  for (const std::string& s : o.servers) check_server(s);
  if (o.timeout.count() <= 0 || o.connect_timeout.count() <= 0 || o.ping_interval.count() <= 0 ||
      o.waiting_limit == 0) {
    throw std::invalid_argument(
        "nats_options: timeout, connect_timeout, ping_interval and waiting_limit are more than 0");
  }
  if (o.ca_file.find('\0') != std::string::npos)
    throw std::invalid_argument("nats_options: there is a zero byte in ca_file");
}

std::string make_inbox() {
  // nats.c's threads and tables, for all links; never undone, as others in this process may use it.
  static const natsStatus opened = nats_Open(-1);
  check(opened);
  natsInbox* inbox = nullptr;
  check(natsInbox_Create(&inbox));
  const std::unique_ptr<natsInbox, decltype(&natsInbox_Destroy)> kept(inbox, &natsInbox_Destroy);
  return std::string(inbox) + ".";
}

std::string peer_of(const nats_options& options) {
  std::string names = "nats ";
  for (const std::string& s : options.servers) {
    if (names.back() != ' ') names += ',';
    names += without_secrets(s);
  }
  return names;
}

natsOptions* make_native(const nats_options& options) {
  natsOptions* o = nullptr;
  check(natsOptions_Create(&o));
  std::unique_ptr<natsOptions, decltype(&natsOptions_Destroy)> kept(o, &natsOptions_Destroy);
  std::vector<const char*> servers;
  for (const std::string& s : options.servers) servers.push_back(s.c_str());
  check(natsOptions_SetServers(o, servers.data(), static_cast<int>(servers.size())));
  check(natsOptions_SetNoRandomize(o, true));
  if (!options.user.empty())
    check(natsOptions_SetUserInfo(o, in_json(options.user).c_str(),
                                  in_json(options.password).c_str()));
  if (!options.token.empty()) check(natsOptions_SetToken(o, in_json(options.token).c_str()));
  // nats.c itself takes a connection without TLS for tls://, too.
  const bool wants_tls = std::any_of(options.servers.begin(), options.servers.end(),
                                     [](const std::string& s) { return s.starts_with("tls:"); });
  if (wants_tls || !options.ca_file.empty()) check(natsOptions_SetSecure(o, true));
  if (!options.ca_file.empty() &&
      natsOptions_LoadCATrustedCertificates(o, options.ca_file.c_str()) != NATS_OK) {
    throw std::invalid_argument("nats_options: no certificate can be read from ca_file '" +
                                options.ca_file + "'");
  }
  check(natsOptions_SetName(o, in_json(options.name).c_str()));
  check(natsOptions_SetTimeout(o, in_ms(options.connect_timeout)));
  check(natsOptions_SetWriteDeadline(o, in_ms(options.timeout)));
  check(natsOptions_SetPingInterval(o, in_ms(options.ping_interval)));
  check(natsOptions_SetMaxPingsOut(o, 2));
  check(natsOptions_SetAllowReconnect(o, false));
  check(natsOptions_UseGlobalMessageDelivery(o, true));
  // Else it prints a line.
  check(natsOptions_SetErrorHandler(
      o, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr));
  return kept.release();
}

}  // namespace loopbridge::clients
