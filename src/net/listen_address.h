// Where a server listens: "127.0.0.1:7070", "localhost:0", "[::1]:7070".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::net {

struct ListenAddress {
  std::string host;  // an IP address in text, without brackets
  std::uint16_t port = 0;

  [[nodiscard]] std::string to_string() const;  // with brackets around an IPv6 address
};

// Host names other than "localhost" are refused: what is listened on must be plain to see.
Result<ListenAddress> parse_listen_address(std::string_view text);

// Refuses what is not loopback: jobs run with the agent's rights.
Result<> require_loopback(const ListenAddress& address);

}  // namespace hearth::net
