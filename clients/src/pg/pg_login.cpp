#include "pg/pg_login.hpp"

#include <algorithm>

namespace loopbridge::clients::detail {

std::map<std::string, std::string> parameters_of(const pg_options& o, const dns::addresses& found) {
  // As many hosts as addresses: what libpq checks names in certificates against.
  std::string hosts = o.host;
  std::string addresses;
  for (std::size_t n = 0; n < found.size(); ++n) {
    if (n > 0) hosts += "," + o.host;
    addresses += (n > 0 ? "," : "") + found[n];
  }
  const std::string idle = std::to_string(o.keepalive.count());
  std::map<std::string, std::string> all = {
      {"host", hosts},
      {"hostaddr", addresses},  // else libpq looks the name up, and blocks the loop
      {"port", std::to_string(o.port)},
      {"user", o.user},
      {"password", o.password},
      {"dbname", o.database},
      {"gssencmode", "disable"},  // which asks a Kerberos server, and blocks
      {"keepalives_idle", idle},
      {"keepalives_interval", std::to_string(std::max<long long>(1, o.keepalive.count() / 3))},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", idle + "000"}};
  for (const auto& [name, value] : o.parameters) all[name] = value;
  return all;
}

std::string sqlstate_in(const std::string& text) {
  for (std::size_t at = text.find(":  "); at != std::string::npos; at = text.find(":  ", at + 1)) {
    const std::string code = text.substr(at + 3, 5);
    const bool plain = std::all_of(code.begin(), code.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
    });
    if (code.size() == 5 && plain && text.compare(at + 8, 2, ": ") == 0) return code;
  }
  return {};
}

}  // namespace loopbridge::clients::detail
