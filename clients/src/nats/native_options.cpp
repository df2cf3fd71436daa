#include <nats/nats.h>

#include <memory>
#include <vector>

#include "message.hpp"

namespace loopbridge::clients {
namespace {

/// The URL of a server, without the user and password that may be in it.
std::string without_secrets(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t at = url.rfind('@');
  return url.substr(at == std::string::npos || at < begin ? begin : at + 1);
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
  check(natsOptions_SetName(o, in_json(options.name).c_str()));
  check(natsOptions_SetTimeout(o, options.connect_timeout.count()));
  check(natsOptions_SetWriteDeadline(o, options.timeout.count()));
  check(natsOptions_SetPingInterval(o, options.ping_interval.count()));
  check(natsOptions_SetMaxPingsOut(o, 2));
  check(natsOptions_SetAllowReconnect(o, false));
  check(natsOptions_UseGlobalMessageDelivery(o, true));
  // Else it prints a line.
  check(natsOptions_SetErrorHandler(
      o, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr));
  return kept.release();
}

}  // namespace loopbridge::clients
