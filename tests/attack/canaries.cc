#include "tests/attack/canaries.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace hearth::attack {

namespace {

UniqueFd listen_inet(int kind, std::string& port) {
  UniqueFd fd(::socket(AF_INET, kind | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size), 0);
  if (kind == SOCK_STREAM) {
    EXPECT_EQ(::listen(fd.get(), 8), 0);
  }
  port = std::to_string(ntohs(at.sin_port));
  return fd;
}

UniqueFd listen_unix(const std::string& name) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), size), 0) << name;
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

bool has_visitor(const UniqueFd& fd) {
  pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 1;
}

}  // namespace

Canaries::Canaries(const std::string& folder)
    : abstract_name_("hearth-attack-" + std::to_string(::getpid())),
      socket_path_(folder + "/canary"),
      tcp_(listen_inet(SOCK_STREAM, tcp_port_)),
      udp_(listen_inet(SOCK_DGRAM, udp_port_)),
      abstract_(listen_unix(std::string(1, '\0') + abstract_name_)),
      path_(listen_unix(socket_path_)) {
  EXPECT_EQ(::chmod(socket_path_.c_str(), 0777), 0);
}

std::vector<std::string> Canaries::arguments(const std::string& hearth_port) const {
  return {tcp_port_, udp_port_, hearth_port, abstract_name_, socket_path_};
}

std::vector<std::string> Canaries::visited() const {
  std::vector<std::string> found;
  for (const auto& [fd, name] : {std::pair(&tcp_, "tcp"), std::pair(&udp_, "udp"),
                                 std::pair(&abstract_, "abstract"), std::pair(&path_, "path")}) {
    if (has_visitor(*fd)) {
      found.emplace_back(name);
    }
  }
  return found;
}

}  // namespace hearth::attack
