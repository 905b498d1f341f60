#include "config/door_rule.h"

namespace hearth::config {

Result<AuthRule> parse_auth_rule(std::string_view text) {
  if (text == "loopback-open") {
    return AuthRule::LoopbackOpen;
  }
  if (text == "required") {
    return AuthRule::Required;
  }
  return invalid_argument("setting auth: \"" + std::string(text.substr(0, 40)) +
                          "\" is neither loopback-open nor required");
}

Result<bool> decide_is_open(const DoorFacts& facts) {
  if (facts.is_loopback) {
    return facts.auth == AuthRule::LoopbackOpen;
  }
  if (!facts.has_tls && !facts.may_be_insecure) {
    return invalid_argument(
        "refused to listen on " + facts.address + " (" + facts.flag +
        "): beyond loopback it needs TLS and tokens, because who reaches it runs commands here; "
        "set --tls-cert and --tls-key, or listen on 127.0.0.1 and use a tunnel, or, on a network "
        "that you trust wholly, say --insecure-listen-without-tls-and-tokens");
  }
  return facts.may_be_insecure && facts.auth == AuthRule::LoopbackOpen;
}

}  // namespace hearth::config
