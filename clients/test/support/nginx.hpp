#pragma once

#include <fstream>
#include <string>

#include "support/certificate.hpp"
#include "support/server.hpp"

namespace support {

/// nginx with a prefix of its own, so that it needs no rights. It is one process, which the kernel
/// ends with the test; workers would stay. Its echo module comes with Debian's nginx-light.
class nginx {
 public:
  nginx() { server_.start(); }
  /// Over TLS.
  explicit nginx(const certificate& c)
      : scheme_("https://localhost:"),
        tls_(" ssl; ssl_certificate " + c.path() + "; ssl_certificate_key " + c.key()) {
    server_.start();
  }

  server& process() { return server_; }
  std::string url(const std::string& path) const { return scheme_ + std::to_string(port_) + path; }
  static constexpr std::size_t long_size = 5'000'000;

 private:
  std::string configure() {
    const std::string d = directory_.path();
    std::ofstream(d + "/hello") << "hello";
    std::ofstream(d + "/long") << std::string(long_size, 'x');
    std::ofstream(d + "/nginx.conf")
        << "load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;\n"
           "daemon off; master_process off; pid nginx.pid;\n"
           "events { worker_connections 512; }\n"
           "http { access_log off; client_max_body_size 50m; client_body_buffer_size 16m;\n"
           "client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n"
           "uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n"
           "server { listen 127.0.0.1:"
        << port_ << tls_ << "; root " << d
        << ";\n"
           "location /echo { echo_read_request_body; echo_request_body; }\n"
           "location /slow { echo_sleep 100; echo late; }\n"
           "location /connection { return 200 $connection; }\n"
           "location /once { keepalive_timeout 0; return 200 once; }\n"
           "location /head { return 200 $http_x_word; }\n"
           "location /moved { return 302 /hello; }\n"
           "} }\n";
    return d;
  }

  const std::string scheme_ = "http://127.0.0.1:";
  const std::string tls_;
  const int port_ = free_port();
  scratch_directory directory_;
  server server_{{"nginx", "-p", directory_.path(), "-c", "nginx.conf", "-e", "stderr"},
                 configure(),
                 [this] { return accepts(port_); }};
};

}  // namespace support
