#include "dns/dns_channel.hpp"

#include <uv.h>

#include <array>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "port.hpp"

namespace loopbridge::clients::detail {

struct dns_channel::query {
  dns_channel& channel;
  const std::string host;
  const clock::time_point since;
  answered then;  ///< empty once it was called: c-ares cannot be told to forget a single query
  deadlines<query>::entry deadline;

  void answer(std::exception_ptr error, dns::addresses found = {}) {
    std::exchange(then, nullptr)(std::move(error), std::move(found));
  }
  template <class Error>
  void fail(outcome result, phase reached, const std::string& why) {
    // No temporary shares the text with the waiter, who may have gone on by the end of the line.
    auto error = std::make_exception_ptr(
        Error(result, channel.peer_, reached, clock::now() - since, why + " ('" + host + "')"));
    answer(std::move(error));
  }
};

namespace {

fd_interest interest(bool readable, bool writable) {
  if (readable) return writable ? fd_interest::both : fd_interest::read;
  return writable ? fd_interest::write : fd_interest::none;
}

dns::addresses to_text(const ares_addrinfo& found) {
  dns::addresses all;
  for (const ares_addrinfo_node* n = found.nodes; n != nullptr; n = n->ai_next) {
    std::array<char, 64> text;
    if (uv_ip_name(n->ai_addr, text.data(), text.size()) == 0) all.emplace_back(text.data());
  }
  return all;
}

void check(int status, const char* what) {
  if (status != ARES_SUCCESS)
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                            std::string(what) + ": " + ares_strerror(status));
}

[[noreturn]] void refuse_servers(const std::string& servers) {
  throw std::invalid_argument(
      "dns_options::servers: '" + servers +
      "' is no list of addresses such as '10.0.0.1,10.0.0.2:5353', with ports of 1 to 65535");
}

void check_options(const dns_options& o) {
  if (o.timeout.count() <= 0)
    throw std::invalid_argument("dns_options::timeout must be more than 0");
  // c-ares doubles it, in an int.
  if (o.first_try.count() <= 0 || o.first_try > std::chrono::minutes(1) || o.tries <= 0 ||
      o.tries > 10) {
    throw std::invalid_argument(
        "dns_options: first_try must be between 1 ms and 1 min, and tries between 1 and 10");
  }
  if (o.servers.find('\0') != std::string::npos) refuse_servers(o.servers);
  std::istringstream all(o.servers);
  for (std::string one; std::getline(all, one, ',');) {
    if (!has_good_port(one)) refuse_servers(o.servers);
  }
}

}  // namespace

std::string peer_of(const dns_options& options) {
  return "dns " + (options.servers.empty() ? "of the system" : options.servers);
}

dns_channel::dns_channel(loop_ref loop, const dns_options& options)
    : loop_(loop),
      peer_(peer_of(options)),
      timer_(loop, [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }),
      deadlines_(loop, [](query& late) {
        late.fail<request_timed_out>(outcome::unknown, phase::resolving, "timed out");
      }) {
  check_options(options);
  static const int started = ares_library_init(ARES_LIB_INIT_ALL);  // must not run twice at once
  check(started, "ares_library_init");
  ares_options o{};
  o.timeout = static_cast<int>(options.first_try.count());
  o.tries = options.tries;
  std::string lookups = "fb";  // /etc/hosts first, whatever the system's configuration says
  o.lookups = lookups.data();
  o.sock_state_cb_data = this;
  o.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<dns_channel*>(self)->watch(fd, interest(readable != 0, writable != 0));
  };
  check(ares_init_options(
            &channel_, &o,
            ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB),
        "ares_init_options");
  if (options.servers.empty()) return;
  if (ares_set_servers_ports_csv(channel_, options.servers.c_str()) == ARES_SUCCESS) return;
  ares_destroy(channel_);
  refuse_servers(options.servers);
}

/// c-ares calls back for each query that is left, here and now.
dns_channel::~dns_channel() {
  ares_destroy(channel_);
}

void dns_channel::watch(ares_socket_t fd, fd_interest what) {
  try {
    if (what == fd_interest::none) {
      watchers_.erase(fd);
      return;
    }
    std::unique_ptr<fd_watcher>& w = watchers_[fd];
    if (!w) {
      w = std::make_unique<fd_watcher>(loop_, [this, fd](fd_events e) {
        // An error, after which libuv does not watch any more, is for c-ares to find and to report.
        process(e.readable || e.error != 0 ? fd : ARES_SOCKET_BAD,
                e.writable || e.error != 0 ? fd : ARES_SOCKET_BAD);
      });
    }
    w->watch(fd, what);
  } catch (...) {
    // No exception goes through c-ares, nor may it be told here: see arm().
    watches_all_ = false;
  }
}

void dns_channel::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  arm();
}

void dns_channel::arm() {
  // A socket that nobody watches would be deaf to the next queries, too. This ends them, and closes
  // the sockets.
  if (!std::exchange(watches_all_, true)) ares_cancel(channel_);
  timeval due;
  if (ares_timeout(channel_, nullptr, &due) == nullptr) return timer_.stop();
  timer_.start(std::chrono::seconds(due.tv_sec) + std::chrono::microseconds(due.tv_usec) +
               std::chrono::milliseconds(1));  // c-ares counts what is over, not what is due
}

void dns_channel::look_up(std::string host, clock::time_point since, clock::time_point due,
                          answered then) {
  std::unique_ptr<query> q(new query{*this, std::move(host), since, std::move(then), {}});
  if (due <= clock::now())
    return q->fail<request_timed_out>(outcome::not_sent, phase::queued, "timed out");
  q->deadline = deadlines_.add(due, *q);
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  const std::string& name = q->host;
  ares_getaddrinfo(
      channel_, name.c_str(), nullptr, &hints,
      [](void* data, int status, int, ares_addrinfo* found) {
        const std::unique_ptr<query> ended(static_cast<query*>(data));
        try {
          ended->channel.end(*ended, status, found);
        } catch (...) {  // no memory for the answer: its waiter is told that there is none
        }
        if (found != nullptr) ares_freeaddrinfo(found);
      },
      q.release());
  arm();
}

void dns_channel::end(query& q, int status, const ares_addrinfo* found) {
  if (!q.then) return;  // its time was up before
  deadlines_.drop(q.deadline);
  if (status == ARES_SUCCESS && found != nullptr && found->nodes != nullptr)
    return q.answer(nullptr, to_text(*found));
  if (status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_SUCCESS)
    return q.fail<no_such_name>(outcome::answered, phase::resolving, "no such name");
  if (status == ARES_ETIMEOUT)
    return q.fail<request_timed_out>(outcome::unknown, phase::resolving, "no server answered");
  q.fail<request_error>(outcome::unknown, phase::resolving,
                        status == ARES_EDESTRUCTION ? "the client was destroyed"
                        : status == ARES_ECANCELLED ? "no memory to watch its socket"
                                                    : ares_strerror(status));
}

deferred<dns::addresses> dns_channel::look_up(std::string host, clock::time_point since,
                                              clock::time_point due) {
  auto done = std::make_shared<completer<dns::addresses>>();  // a std::function is copyable
  auto answer = done->get_deferred();
  look_up(std::move(host), since, due,
          [done = std::move(done)](std::exception_ptr error, dns::addresses found) {
            if (error)
              done->reject(std::move(error));
            else
              done->resolve(std::move(found));
          });
  return answer;
}

}  // namespace loopbridge::clients::detail
