#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

#include "loopbridge/clients/redis_command.hpp"
#include "redis/wire_text.hpp"

namespace loopbridge::clients {
namespace {

enum class reason : unsigned char { answers, options, mode, end, transaction };

struct refused_command {
  std::string_view name;  ///< one word, or two
  reason why;
};

constexpr std::array<refused_command, 29> refused{{
    {"SUBSCRIBE", reason::answers},    {"PSUBSCRIBE", reason::answers},
    {"SSUBSCRIBE", reason::answers},   {"UNSUBSCRIBE", reason::answers},
    {"PUNSUBSCRIBE", reason::answers}, {"SUNSUBSCRIBE", reason::answers},
    {"MONITOR", reason::answers},      {"SYNC", reason::answers},
    {"PSYNC", reason::answers},        {"REPLCONF", reason::answers},
    {"CLIENT REPLY", reason::answers}, {"SCRIPT DEBUG", reason::answers},
    {"SELECT", reason::options},       {"AUTH", reason::options},
    {"HELLO", reason::options},        {"ASKING", reason::mode},
    {"READONLY", reason::mode},        {"READWRITE", reason::mode},
    {"RESET", reason::mode},           {"CLIENT TRACKING", reason::mode},
    {"CLIENT CACHING", reason::mode},  {"CLIENT NO-EVICT", reason::mode},
    {"CLIENT NO-TOUCH", reason::mode}, {"QUIT", reason::end},
    {"MULTI", reason::transaction},    {"EXEC", reason::transaction},
    {"DISCARD", reason::transaction},  {"WATCH", reason::transaction},
    {"UNWATCH", reason::transaction},
}};

bool same_word(std::string_view given, std::string_view capitals) {
  return std::equal(given.begin(), given.end(), capitals.begin(), capitals.end(),
                    [](unsigned char a, char b) { return std::toupper(a) == b; });
}

bool is_named(std::span<const std::string_view> words, std::string_view name) {
  const std::size_t blank = name.find(' ');
  return same_word(words[0], name.substr(0, blank)) &&
         (blank == name.npos || (words.size() > 1 && same_word(words[1], name.substr(blank + 1))));
}

[[noreturn]] void refuse(const refused_command& r) {
  static constexpr std::array<const char*, 5> fixes = {
      "has several answers or none, so the commands of other threads would get the wrong ones; it "
      "needs a connection of its own, which this client is not",
      "changes the connection, which all threads share and which is made anew after an outage; say "
      "it in redis_options",
      "changes what the server does with all commands of the connection, which all threads share "
      "and which is made anew after an outage; it needs a connection of its own, which this client "
      "is not",
      "ends the connection, which all threads share; destroy the client",
      "would take the commands of other threads into the transaction; EVAL a script, which runs as "
      "one"};
  throw std::invalid_argument("loopbridge: redis: " + std::string(r.name) + " " +
                              fixes[static_cast<std::size_t>(r.why)]);
}

}  // namespace

redis_command::redis_command(std::span<const std::string_view> words) {
  if (words.empty())
    throw std::invalid_argument("loopbridge: redis: an empty command; its name is the first word");
  for (const refused_command& r : refused) {
    if (is_named(words, r.name)) refuse(r);
  }
  bytes_ = detail::wire_text(words);
}

// Not by hiredis' formatter, which wants two arrays of pointers and gives a malloc to free: that is
// more code than these lines.
std::string detail::wire_text(std::span<const std::string_view> words) {
  std::size_t size = 16;
  for (const std::string_view word : words) size += word.size() + 16;
  std::string text;
  text.reserve(size);
  text.append("*").append(std::to_string(words.size())).append("\r\n");
  for (const std::string_view word : words) {
    text.append("$").append(std::to_string(word.size())).append("\r\n");
    text.append(word).append("\r\n");
  }
  return text;
}

}  // namespace loopbridge::clients
