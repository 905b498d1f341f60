// The packets between an agent and hearth-launcher.
#include <string>
#include <variant>

#include "agent/launcher/protocol.h"
#include "fuzz.h"

namespace hearth::fuzz {
namespace {

namespace protocol = agent::protocol;

std::string encoded(const Result<std::string>& packet) {
  HEARTH_CHECK(packet.has_value(), "what was decoded cannot be sent");
  return *packet;
}

template <class Message>
void check(std::string_view packet, Result<Message> (*decode)(std::string_view)) {
  const Result<Message> message = decode(packet);
  if (!message) {
    check_says_why(message.error());
    return;
  }
  const auto encode = [](const auto& one) { return encoded(protocol::encode(one)); };
  const std::string once = std::visit(encode, *message);
  const Result<Message> again = decode(once);
  HEARTH_CHECK(again.has_value(), "what was encoded does not decode");
  HEARTH_CHECK(std::visit(encode, *again) == once, "a packet changes from round to round");
  // A name for the streams has bits that mean nothing yet; all other packets are canonical.
  const auto* spawn = std::get_if<0>(&*message);
  const bool is_spawn = packet.size() > 1 && packet[1] == 1;
  HEARTH_CHECK((is_spawn && spawn != nullptr) || once.size() == packet.size(),
               "a packet loses something");
}

}  // namespace

bool run(std::string_view input) {
  check(input, protocol::decode_to_helper);
  check(input, protocol::decode_from_helper);
  return true;
}

}  // namespace hearth::fuzz
