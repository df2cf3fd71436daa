#include "support/server.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "support/patience.hpp"

namespace support {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(static_cast<std::uint16_t>(port));
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

/// Is it gone, or does only its parent have yet to hear of it?
bool has_ended(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return true;
  const std::size_t state = text.rfind(')') + 2;  // a name may have blanks
  return state < text.size() && text[state] == 'Z';
}

/// The process and all its descendants: PostgreSQL's are in sessions of their own.
std::vector<pid_t> family_of(pid_t root) {
  std::vector<std::pair<pid_t, pid_t>> parents;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream stat(entry.path() / "stat");
    std::string text;
    if (!std::getline(stat, text)) continue;
    std::istringstream fields(text.substr(text.rfind(')') + 1));  // a name may have blanks
    char state;
    pid_t parent;
    if (fields >> state >> parent) parents.emplace_back(std::atoi(text.c_str()), parent);
  }
  std::vector<pid_t> family{root};
  for (std::size_t n = 0; n < family.size(); ++n) {
    for (const auto& [pid, parent] : parents) {
      if (parent == family[n]) family.push_back(pid);
    }
  }
  return family;
}

/// In the child, which has one thread: only what may follow a fork of a program with threads.
[[noreturn]] void become(const std::vector<char*>& words, const char* directory, int log,
                         const passwd* user) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // which a change of the user has undone
  if (::chdir(directory) != 0) ::_exit(126);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(words[0], words.data());
  ::_exit(127);
}

}  // namespace

scratch_directory::scratch_directory()
    : path_((std::filesystem::temp_directory_path() / "loopbridge-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
}

scratch_directory::~scratch_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in a = loopback(0);
  socklen_t size = sizeof a;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&a), size) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size) == 0);
  ::close(fd);
  return ntohs(a.sin_port);
}

bool accepts(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in a = loopback(port);
  const bool yes = ::connect(fd, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0;
  ::close(fd);
  return yes;
}

server::server(std::vector<std::string> command, std::string directory, std::function<bool()> ready)
    : command_(std::move(command)), directory_(std::move(directory)), ready_(std::move(ready)) {}

void server::start() {
  REQUIRE(pid_ == -1);
  const passwd* const user = ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr;
  if (user != nullptr) REQUIRE(::chown(directory_.c_str(), user->pw_uid, user->pw_gid) == 0);
  // Where servers are, and an ordinary user's PATH does not look.
  if (const std::string in_sbin = "/usr/sbin/" + command_[0]; ::access(in_sbin.c_str(), X_OK) == 0)
    command_[0] = in_sbin;
  std::vector<char*> words;
  for (std::string& word : command_) words.push_back(word.data());
  words.push_back(nullptr);
  const std::string log_path = directory_ + "/log";
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  pid_ = ::fork();
  if (pid_ == 0) become(words, directory_.c_str(), log, user);
  ::close(log);
  REQUIRE(pid_ > 0);
  bool ended = false;
  const bool told = comes_true([&] {
    ended = ::waitpid(pid_, nullptr, WNOHANG) != 0;
    return ended || ready_();
  });
  if (ended) pid_ = -1;
  if (told && !ended) return;
  std::ifstream written(log_path);
  std::ostringstream text;
  text << written.rdbuf();
  FAIL(command_[0] << " does not answer; it wrote:\n" << text.str());
}

void server::signal_all(int signal) const {
  for (const pid_t pid : family_of(pid_)) ::kill(pid, signal);
}

void server::kill() {
  if (pid_ == -1) return;
  const auto family = family_of(pid_);
  for (const pid_t pid : family) ::kill(pid, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) == -1 && errno == EINTR) continue;
  // Its children hold its memory, without which PostgreSQL does not start again, until they end.
  for (const pid_t pid : family) (void)comes_true([&] { return has_ended(pid); });
  pid_ = -1;
}

void server::freeze() {
  signal_all(SIGSTOP);
}
void server::thaw() {
  signal_all(SIGCONT);
}

}  // namespace support
