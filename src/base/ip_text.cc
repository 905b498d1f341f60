#include "base/ip_text.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace hearth {
namespace {

bool parse(int family, std::string_view text, void* address) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) {
    return false;
  }
  std::ranges::copy(text, terminated.begin());
  return inet_pton(family, terminated.data(), address) == 1;
}

}  // namespace

bool is_ipv4(std::string_view text) {
  in_addr address{};
  return parse(AF_INET, text, &address);
}

bool is_ipv6(std::string_view text) {
  in6_addr address{};
  return parse(AF_INET6, text, &address);
}

bool is_ip(std::string_view text) {
  return is_ipv4(text) || is_ipv6(text);
}

bool is_loopback_ip(std::string_view text) {
  in_addr v4{};
  if (parse(AF_INET, text, &v4)) {
    return (ntohl(v4.s_addr) >> 24U) == 127U;
  }
  in6_addr v6{};
  return parse(AF_INET6, text, &v6) && IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

}  // namespace hearth
