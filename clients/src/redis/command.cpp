#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

#include "loopbridge/clients/redis_command.hpp"
#include "redis/wire_text.hpp"

namespace loopbridge::clients {
namespace {

enum class reason : unsigned char { answers, state, transaction };

struct refused_command {
  std::string_view name;
  reason why;
};

constexpr std::array<refused_command, 18> refused{{
    {"SUBSCRIBE", reason::answers},
    {"PSUBSCRIBE", reason::answers},
    {"SSUBSCRIBE", reason::answers},
    {"UNSUBSCRIBE", reason::answers},
    {"PUNSUBSCRIBE", reason::answers},
    {"SUNSUBSCRIBE", reason::answers},
    {"MONITOR", reason::answers},
    {"SYNC", reason::answers},
    {"PSYNC", reason::answers},
    {"REPLCONF", reason::answers},
    {"SELECT", reason::state},
    {"AUTH", reason::state},
    {"HELLO", reason::state},
    {"RESET", reason::state},
    {"QUIT", reason::state},
    {"MULTI", reason::transaction},
    {"WATCH", reason::transaction},
    {"UNWATCH", reason::transaction},
}};

bool same_word(std::string_view given, std::string_view capitals) {
  return std::equal(given.begin(), given.end(), capitals.begin(), capitals.end(),
                    [](unsigned char a, char b) { return std::toupper(a) == b; });
}

[[noreturn]] void refuse(std::string_view name, reason why) {
  static constexpr std::array<const char*, 3> fixes = {
      "has several answers or none, so the commands of other threads would get the wrong ones; it "
      "needs a connection of its own, which this client is not",
      "changes the connection, which all threads share and which is made anew after an outage; say "
      "it in redis_options",
      "would take the commands of other threads into the transaction; EVAL a script, which runs as "
      "one"};
  throw std::invalid_argument("loopbridge: redis: " + std::string(name) + " " +
                              fixes[static_cast<std::size_t>(why)]);
}

}  // namespace

redis_command::redis_command(std::span<const std::string_view> words) {
  if (words.empty())
    throw std::invalid_argument("loopbridge: redis: an empty command; its name is the first word");
  for (const refused_command& r : refused) {
    if (same_word(words[0], r.name)) refuse(r.name, r.why);
  }
  if (words.size() > 1 && same_word(words[0], "CLIENT") && same_word(words[1], "REPLY"))
    refuse("CLIENT REPLY", reason::answers);
  if (words.size() > 1 && same_word(words[0], "SCRIPT") && same_word(words[1], "DEBUG"))
    refuse("SCRIPT DEBUG", reason::answers);
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
