#include "message.hpp"

#include <climits>
#include <stdexcept>

namespace loopbridge::clients {

std::string nats_message::header(const std::string& name) const {
  for (const auto& [own, value] : headers) {
    if (own == name) return value;
  }
  return {};
}

nats_message from_native(natsMsg* m) {
  nats_message copy;
  copy.subject = natsMsg_GetSubject(m);
  if (const char* const reply = natsMsg_GetReply(m)) copy.reply = reply;
  copy.data.assign(natsMsg_GetData(m), static_cast<std::size_t>(natsMsg_GetDataLength(m)));
  const char** names = nullptr;
  int count = 0;
  if (natsMsgHeader_Keys(m, &names, &count) != NATS_OK) return copy;  // it has none
  const std::unique_ptr<const char*, decltype(&std::free)> kept(names, &std::free);
  for (int n = 0; n < count; ++n) {
    const char** values = nullptr;
    int more = 0;
    if (natsMsgHeader_Values(m, names[n], &values, &more) != NATS_OK) continue;
    const std::unique_ptr<const char*, decltype(&std::free)> kept_values(values, &std::free);
    for (int v = 0; v < more; ++v) copy.headers.emplace_back(names[n], values[v]);
  }
  return copy;
}

native_message to_native(const nats_message& m, const std::string& reply) {
  const std::string& to = reply.empty() ? m.reply : reply;
  natsMsg* made = nullptr;
  check(natsMsg_Create(&made, m.subject.c_str(), to.empty() ? nullptr : to.c_str(), m.data.data(),
                       static_cast<int>(m.data.size())));
  native_message kept(made);
  for (const auto& [name, value] : m.headers)
    check(natsMsgHeader_Add(made, name.c_str(), value.c_str()));
  return kept;
}

void check_subject(const std::string& subject, bool wildcards) {
  const auto refuse = [](const std::string& why) {
    throw std::invalid_argument("nats: a subject is words with dots between; this one " + why);
  };
  if (subject.empty()) refuse("is empty");
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = std::min(subject.find('.', begin), subject.size());
    const std::string word = subject.substr(begin, end - begin);
    if (word.empty()) refuse("has an empty word");
    for (const unsigned char c : word) {
      if (c <= ' ' || c == 127) refuse("has a blank or a control character");
    }
    if (!wildcards && (word == "*" || word == ">"))
      refuse("has a wildcard, which only subscriptions may have");
    if (word == ">" && end != subject.size()) refuse("has a > that is not its last word");
    if (end == subject.size()) return;
    begin = end + 1;
  }
}

void check(const nats_message& m) {
  check_subject(m.subject, false);
  if (!m.reply.empty()) check_subject(m.reply, false);
  if (m.data.size() > INT_MAX) throw std::invalid_argument("nats: a message is 2 GB at most");
  for (const auto& [name, value] : m.headers) {
    if (name.empty() || name.find_first_of(std::string_view(": \r\n\0", 5)) != std::string::npos)
      throw std::invalid_argument("nats: a header's name has no blank, colon or line's end");
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      throw std::invalid_argument("nats: the header " + name + " has a line's end in its value");
  }
}

}  // namespace loopbridge::clients
