#include "net/listen_address.h"

#include <charconv>

#include "base/ip_text.h"

namespace hearth::net {

namespace {

Error bad_address(std::string_view text, std::string_view why) {
  return invalid_argument("cannot listen on '" + std::string(text) + "': " + std::string(why) +
                          "; give IP:PORT, such as 127.0.0.1:7070, [::1]:7070 or localhost:0 "
                          "(port 0 picks a free one)");
}

}  // namespace

std::string ListenAddress::to_string() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return bad_address(text, "it has no port");
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  ListenAddress address;
  const auto [end, status] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (status != std::errc{} || end != port.data() + port.size()) {
    return bad_address(text, "the port must be a number from 0 to 65535");
  }
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  address.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  if (bracketed ? !is_ipv6(address.host) : !is_ipv4(address.host)) {
    return bad_address(text, "'" + address.host + "' is not an IP address");
  }
  return address;
}

Result<> require_loopback(const ListenAddress& address) {
  if (is_loopback_ip(address.host)) {
    return {};
  }
  return invalid_argument(
      "refused to listen on " + address.to_string() +
      ": loopback only without TLS and tokens, because jobs run with the agent's rights; use "
      "127.0.0.1 (and a tunnel, such as ssh -L, from elsewhere)");
}

}  // namespace hearth::net
