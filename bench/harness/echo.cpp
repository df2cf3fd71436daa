#include "echo.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace bench {
namespace {

void require(bool good) {
  if (!good) std::abort();
}

sockaddr_in local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

echo_server::echo_server() {
  listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = local(0);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  require(bind(listening_, any, size) == 0 && listen(listening_, 1) == 0 &&
          getsockname(listening_, any, &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

echo_server::~echo_server() {
  thread_.join();
  close(listening_);
}

void echo_server::serve() const {
  const int client = accept(listening_, nullptr, nullptr);
  const int on = 1;
  require(client >= 0 && setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
  std::array<char, 4096> bytes;
  while (true) {
    const ssize_t got = read(client, bytes.data(), bytes.size());
    if (got <= 0) break;
    require(write(client, bytes.data(), static_cast<std::size_t>(got)) == got);
  }
  close(client);
}

void echo_client::connect(uv_loop_t* loop, int port, then connected, void* data) {
  then_ = connected;
  data_ = data;
  connecting_.data = socket_.data = writing_.data = this;
  const sockaddr_in to = local(port);
  require(uv_tcp_init(loop, &socket_) == 0 && uv_tcp_nodelay(&socket_, 1) == 0);
  const int failed = uv_tcp_connect(
      &connecting_, &socket_, reinterpret_cast<const sockaddr*>(&to), [](uv_connect_t* c, int bad) {
        auto* const self = static_cast<echo_client*>(c->data);
        require(bad == 0);
        const int cannot = uv_read_start(
            reinterpret_cast<uv_stream_t*>(&self->socket_),
            [](uv_handle_t* h, std::size_t, uv_buf_t* buffer) {
              *buffer = uv_buf_init(static_cast<echo_client*>(h->data)->bytes_.data(), size);
            },
            [](uv_stream_t* s, ssize_t count, const uv_buf_t*) {
              require(count >= 0);
              static_cast<echo_client*>(s->data)->less_by(static_cast<std::size_t>(count));
            });
        require(cannot == 0);
        self->go_on();
      });
  require(failed == 0);
}

void echo_client::ask(then answered, void* data) {
  then_ = answered;
  data_ = data;
  // And one: libuv may report the write after the answer, and needs writing_ until then.
  missing_ = size + 1;
  static char question[size] = "how long does it take?";
  const uv_buf_t buffer = uv_buf_init(question, size);
  require(uv_write(&writing_, reinterpret_cast<uv_stream_t*>(&socket_), &buffer, 1,
                   [](uv_write_t* w, int bad) {
                     require(bad == 0);
                     static_cast<echo_client*>(w->data)->less_by(1);
                   }) == 0);
}

void echo_client::less_by(std::size_t count) {
  missing_ -= count;
  if (count > 0 && missing_ == 0) go_on();
}

void echo_client::close(then closed, void* data) {
  then_ = closed;
  data_ = data;
  uv_close(reinterpret_cast<uv_handle_t*>(&socket_),
           [](uv_handle_t* h) { static_cast<echo_client*>(h->data)->go_on(); });
}

}  // namespace bench
