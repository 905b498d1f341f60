// attack_tool network TCP_PORT UDP_PORT HTTP_PORT ABSTRACT_NAME SOCKET_PATH: the first two and the
// last two are listened on by whoever runs this, on 127.0.0.1; HTTP_PORT is Hearth's.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tests/attack/tool/probe.h"

namespace hearth::attack {
namespace {

constexpr int kConnectMs = 1'500;

sockaddr_in address_of(const char* host, long port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host, &address.sin_addr);
  return address;
}

std::string finish_connect(int fd) {
  if (errno != EINPROGRESS) {
    return outcome(-1);
  }
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, kConnectMs) != 1) {
    return refused(ETIMEDOUT);
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "allowed" : refused(error);
}

std::string connect_tcp(const char* host, long port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return outcome(fd);
  }
  const sockaddr_in to = address_of(host, port);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? "allowed"
                                                                               : finish_connect(fd);
}

std::string connect_tcp6(long port) {
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return outcome(fd);
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? "allowed"
                                                                               : finish_connect(fd);
}

// The second time one learns whether anybody took the first.
std::string send_udp(const char* host, long port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return outcome(fd);
  }
  const sockaddr_in to = address_of(host, port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
      ::send(fd, "x", 1, MSG_NOSIGNAL) != 1) {
    return outcome(-1);
  }
  wait_ms(100);
  return outcome(::send(fd, "x", 1, MSG_NOSIGNAL));
}

std::string make(int family, int kind, int protocol) {
  return outcome(::socket(family, kind | SOCK_CLOEXEC, protocol));
}

std::string connect_unix(const std::string& name, bool is_abstract) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return outcome(fd);
  }
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::string path = (is_abstract ? std::string(1, '\0') : "") + name;
  std::memcpy(to.sun_path, path.data(), std::min(path.size(), sizeof to.sun_path - 1));
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1));
  return outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&to), size));
}

std::string listen_on(long port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return outcome(fd);
  }
  const sockaddr_in at = address_of("0.0.0.0", port);
  return outcome(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at));
}

std::string raise_interface() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return outcome(fd);
  }
  ifreq wanted{};
  std::strcpy(wanted.ifr_name, "lo");  // NOLINT
  if (::ioctl(fd, SIOCGIFFLAGS, &wanted) != 0) {
    return outcome(-1);
  }
  return outcome(::ioctl(fd, SIOCSIFFLAGS, &wanted));
}

// The kernel looks at the lower half of the number only.
std::string family_with_upper_bits() {
  return outcome(::syscall(41 /* socket */, AF_INET | (1UL << 32U), SOCK_STREAM, 0));
}

constexpr std::array kProbes = {
    Probe{"tcp-canary",
          [](const Arguments& given) { return connect_tcp("127.0.0.1", number(given, 0, 1)); }},
    Probe{"tcp6-canary", [](const Arguments& given) { return connect_tcp6(number(given, 0, 1)); }},
    Probe{"udp-canary",
          [](const Arguments& given) { return send_udp("127.0.0.1", number(given, 1, 1)); }},
    Probe{"hearth-itself",
          [](const Arguments& given) { return connect_tcp("127.0.0.1", number(given, 2, 1)); }},
    Probe{"metadata-service", [](const Arguments&) { return connect_tcp("169.254.169.254", 80); }},
    Probe{"name-service", [](const Arguments&) { return send_udp("192.0.2.53", 53); }},
    Probe{"internet", [](const Arguments&) { return connect_tcp("192.0.2.1", 443); }},
    Probe{"listen", [](const Arguments&) { return listen_on(0); }},
    Probe{"icmp-raw", [](const Arguments&) { return make(AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
    Probe{"icmp-ping", [](const Arguments&) { return make(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); }},
    Probe{"family-upper-bits", [](const Arguments&) { return family_with_upper_bits(); }},
    Probe{"interface", [](const Arguments&) { return raise_interface(); }},
    Probe{"netlink-route", [](const Arguments&) { return make(AF_NETLINK, SOCK_RAW, 0); }},
    Probe{"netlink-audit", [](const Arguments&) { return make(AF_NETLINK, SOCK_RAW, 9); }},
    Probe{"netlink-events", [](const Arguments&) { return make(AF_NETLINK, SOCK_RAW, 15); }},
    Probe{"packet", [](const Arguments&) { return make(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)); }},
    Probe{"vsock", [](const Arguments&) { return make(AF_VSOCK, SOCK_STREAM, 0); }},
    Probe{"kernel-crypto", [](const Arguments&) { return make(AF_ALG, SOCK_SEQPACKET, 0); }},
    Probe{"bluetooth", [](const Arguments&) { return make(AF_BLUETOOTH, SOCK_RAW, 1); }},
    Probe{"can", [](const Arguments&) { return make(AF_CAN, SOCK_RAW, 1); }},
    Probe{"tipc", [](const Arguments&) { return make(AF_TIPC, SOCK_SEQPACKET, 0); }},
    Probe{"xdp", [](const Arguments&) { return make(AF_XDP, SOCK_RAW, 0); }},
    Probe{"key-management", [](const Arguments&) { return make(AF_KEY, SOCK_RAW, 2); }},
    Probe{"rds", [](const Arguments&) { return make(AF_RDS, SOCK_SEQPACKET, 0); }},
    Probe{"pair-of-inet",
          [](const Arguments&) {
            std::array<int, 2> ends{};
            return outcome(::socketpair(AF_TIPC, SOCK_STREAM, 0, ends.data()));
          }},
    Probe{"abstract-socket",
          [](const Arguments& given) { return connect_unix(text(given, 3), true); }},
    Probe{"socket-in-shown-folder",
          [](const Arguments& given) { return connect_unix(text(given, 4), false); }},
};

}  // namespace

std::span<const Probe> network_probes() {
  return kProbes;
}

}  // namespace hearth::attack
