// Keeps web pages of other sites away: a browser on this machine can reach loopback too, and what
// runs here runs with the agent's rights (spec §4, "Browsers").
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_message.h"

namespace hearth::net {

// Pure rules over a request's head.
//
// Host must be a loopback name or one of `hosts`: a foreign one means that a DNS name of an
// attacker was made to point here. Origin, where a browser sends it, must be the very Host asked
// or one of `origins`.
struct OriginPolicy {
  std::vector<std::string> hosts;  // without ports, lower case
  // More of them, asked each time: the names of a certificate that is replaced while the server
  // runs. Thread-safe.
  std::function<bool(std::string_view)> knows_host;
  std::vector<std::string> origins;  // "https://hearth.example.org"
  // Also a Host that is an IP address: for servers that are asked by theirs. No name leads there,
  // so no attacker's name does.
  bool any_address = false;

  [[nodiscard]] Result<> check(const Request& request) const;
};

// "127.0.0.1:7070" -> "127.0.0.1", "[::1]:7070" -> "::1"; empty when it is not a host at all.
std::string host_without_port(std::string_view host);

}  // namespace hearth::net
