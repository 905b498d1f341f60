// An address for a server that a test ends and starts again.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <random>
#include <string>

#include "base/unique_fd.h"

namespace hearth::testing {

// "127.0.0.1:PORT" with a port that is free now, and that no other program is given for the asking
// while the server that has it is away: below those that the kernel hands out itself.
inline std::string lasting_address() {
  constexpr std::uint32_t kFirst = 10'000;
  constexpr std::uint32_t kEnd = 32'768;
  std::random_device random;
  for (;;) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    const auto port = static_cast<std::uint16_t>(kFirst + random() % (kEnd - kFirst));
    address.sin_port = ::htons(port);
    const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
      return "127.0.0.1:" + std::to_string(port);
    }
  }
}

}  // namespace hearth::testing
