// IP addresses in text: "127.0.0.1", "::1", without brackets, port or zone.
//
// The C library's parser stops at a NUL, so "127.0.0.1\0.example.org" would be an address to it and
// another name to everybody else: here it is none.
#pragma once

#include <string_view>

namespace hearth {

[[nodiscard]] bool is_ipv4(std::string_view text);
[[nodiscard]] bool is_ipv6(std::string_view text);
[[nodiscard]] bool is_ip(std::string_view text);
// 127.0.0.0/8 or ::1.
[[nodiscard]] bool is_loopback_ip(std::string_view text);

}  // namespace hearth
