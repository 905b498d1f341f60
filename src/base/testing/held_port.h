// A port for a server that a test ends and starts again.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/unique_fd.h"

namespace hearth::testing {

// A port of loopback that the kernel chose, held by a socket that is bound to it and does not
// listen: no other program is given it for the asking, also while the server is away, and who
// connects then is refused. Servers that set SO_REUSEADDR, as ours do, can listen on it.
class HeldPort {
 public:
  HeldPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    HEARTH_CHECK(::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
                     ::bind(socket_.get(), generic, size) == 0 &&
                     ::getsockname(socket_.get(), generic, &size) == 0,
                 "the kernel has no free port of 127.0.0.1");
    port_ = ::ntohs(address.sin_port);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // "127.0.0.1:PORT"
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  UniqueFd socket_;
  std::uint16_t port_ = 0;
};

}  // namespace hearth::testing
