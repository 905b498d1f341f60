// IP addresses and what kind of network they are of: what must not be reached by asking Hearth to.
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace hearth::callbacks {

// An IPv4 address is kept as the IPv6 address that it is mapped to, so that both spellings are one.
class Address {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  explicit Address(const Bytes& bytes) : bytes_(bytes) {}
  // Without brackets and zone.
  static std::optional<Address> parse(std::string_view text);
  static std::optional<Address> of(const sockaddr& address);

  [[nodiscard]] bool is_v4() const;
  // "loopback", "private" and so on; "" for one of the public Internet.
  [[nodiscard]] std::string_view not_public() const;
  // The first `bits` are the same; of an IPv4 address those of its 32.
  [[nodiscard]] bool is_in(const Address& network, unsigned bits) const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

  friend bool operator==(const Address&, const Address&) = default;

 private:
  Bytes bytes_;
};

}  // namespace hearth::callbacks
