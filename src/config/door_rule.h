// Who may come in through an address, and whether it may be listened on at all.
//
// Loopback needs no token unless tokens are required everywhere. Any other address needs both TLS
// and tokens, unless the operator gave that up by name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::config {

enum class AuthRule : std::uint8_t { LoopbackOpen, Required };
// "loopback-open", "required".
Result<AuthRule> parse_auth_rule(std::string_view text);

struct DoorFacts {
  std::string address;  // as it was given
  std::string flag;     // that gave it
  bool is_loopback = true;
  bool has_tls = false;
  AuthRule auth = AuthRule::LoopbackOpen;
  // --insecure-listen-without-tls-and-tokens
  bool may_be_insecure = false;
};

// True when whoever reaches the address may do everything.
Result<bool> decide_is_open(const DoorFacts& facts);

}  // namespace hearth::config
