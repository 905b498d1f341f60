// Where somebody wants to be told: http://HOST[:PORT][/PATH][?QUERY], or https. Pure.
//
// Stricter than what is usual: what two readers could understand as two hosts is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::callbacks {

struct CallbackUrl {
  bool is_https = false;
  std::string host;  // a name in lower case, or an IP address without brackets
  std::uint16_t port = 0;
  std::string target = "/";  // path and query, as they were written

  // HOST[:PORT] as the Host header has it, without the scheme's own port.
  [[nodiscard]] std::string authority() const;
  // Without path and query, in which secrets may be.
  [[nodiscard]] std::string origin() const;

  friend bool operator==(const CallbackUrl&, const CallbackUrl&) = default;
};

// At most kCallbackUrlBytesMax of visible ASCII; no user, no fragment, no ".." in the path.
Result<CallbackUrl> parse_callback_url(std::string_view text);

// A DNS name as it is written in URLs and settings; not "1.2.3" or "0x7f", which some take for
// addresses.
[[nodiscard]] bool is_host_name(std::string_view text);
// 1 to 65535.
Result<std::uint16_t> parse_port(std::string_view text);

}  // namespace hearth::callbacks
