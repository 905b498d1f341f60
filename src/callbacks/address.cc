#include "callbacks/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/ip_text.h"

namespace hearth::callbacks {

namespace {

constexpr Address::Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
constexpr std::size_t kMappedBytes = 12;
constexpr unsigned kMappedBits = 96;

struct Network {
  std::string_view address;
  unsigned bits;
  std::string_view kind;
};

// The special-purpose registries of IANA, as far as they are not globally reachable, and what leads
// to an IPv4 address inside another (NAT64, 6to4, Teredo): nobody needs those for a callback.
constexpr auto kSpecial = std::to_array<Network>({
    {"0.0.0.0", 8, "this network"},
    {"10.0.0.0", 8, "private"},
    {"100.64.0.0", 10, "shared with a provider"},
    {"127.0.0.0", 8, "loopback"},
    {"169.254.0.0", 16, "link-local"},
    {"172.16.0.0", 12, "private"},
    {"192.0.0.0", 24, "reserved"},
    {"192.0.2.0", 24, "for documentation"},
    {"192.88.99.0", 24, "reserved"},
    {"192.168.0.0", 16, "private"},
    {"198.18.0.0", 15, "for benchmarks"},
    {"198.51.100.0", 24, "for documentation"},
    {"203.0.113.0", 24, "for documentation"},
    {"224.0.0.0", 4, "multicast"},
    {"240.0.0.0", 4, "reserved"},
    {"168.63.129.16", 32, "a cloud's metadata"},
    {"::1", 128, "loopback"},
    {"fc00::", 7, "private"},
    {"fe80::", 10, "link-local"},
    {"fec0::", 10, "private"},
    {"ff00::", 8, "multicast"},
});
// All else of IPv6 is reserved; of this, too, what follows.
constexpr Network kGlobalV6 = {"2000::", 3, ""};
constexpr auto kReservedV6 = std::to_array<Network>({
    {"2001::", 23, "reserved"},
    {"2001:db8::", 32, "for documentation"},
    {"2002::", 16, "an IPv4 address in another"},
    {"3fff::", 20, "for documentation"},
});

bool is_of(const Address& address, const Network& network) {
  const auto parsed = Address::parse(network.address);
  return parsed && parsed->is_v4() == address.is_v4() && address.is_in(*parsed, network.bits);
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  Bytes bytes{};
  const std::string copy(text);
  if (is_ipv4(text)) {
    bytes = kMapped;
    if (::inet_pton(AF_INET, copy.c_str(), bytes.data() + kMappedBytes) == 1) {
      return Address(bytes);
    }
  } else if (is_ipv6(text) && ::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) {
    return Address(bytes);
  }
  return std::nullopt;
}

std::optional<Address> Address::of(const sockaddr& address) {
  Bytes bytes{};
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    bytes = kMapped;
    std::memcpy(bytes.data() + kMappedBytes, &v4.sin_addr, sizeof(v4.sin_addr));
    return Address(bytes);
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    std::memcpy(bytes.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    return Address(bytes);
  }
  return std::nullopt;
}

bool Address::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.begin() + kMappedBytes, bytes_.begin());
}

std::string_view Address::not_public() const {
  for (const Network& network : kSpecial) {
    if (is_of(*this, network)) {
      return network.kind;
    }
  }
  if (is_v4()) {
    return "";
  }
  for (const Network& network : kReservedV6) {
    if (is_of(*this, network)) {
      return network.kind;
    }
  }
  return is_of(*this, kGlobalV6) ? "" : "reserved";
}

bool Address::is_in(const Address& network, unsigned bits) const {
  if (is_v4() != network.is_v4()) {
    return false;
  }
  unsigned left = std::min(bits + (network.is_v4() ? kMappedBits : 0U), 128U);
  for (std::size_t i = 0; left > 0; ++i) {
    const unsigned here = std::min(left, 8U);
    const auto mask = static_cast<std::uint8_t>(0xff00U >> here);
    if (((bytes_.at(i) ^ network.bytes_.at(i)) & mask) != 0) {
      return false;
    }
    left -= here;
  }
  return true;
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? kMappedBytes : 0), buffer.data(),
              static_cast<socklen_t>(buffer.size()));
  return buffer.data();
}

}  // namespace hearth::callbacks
