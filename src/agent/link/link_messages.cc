#include "agent/link/link_messages.h"

#include "wire/link_codec.h"

namespace hearth::agent {
namespace {

constexpr std::uint32_t kProtocol = 1;

}  // namespace

v1::Hello to_hello(const LinkHello& hello) {
  v1::Hello message;
  wire::to_proto(hello.info, message);
  message.set_protocol(kProtocol);
  message.set_controller_epoch_seen(hello.controller_epoch_seen);
  for (const HeldState& state : hello.held) {
    v1::HeldAttempt& held = *message.add_held();
    wire::to_proto(state.key, *held.mutable_key());
    held.set_started(state.started);
    held.set_finished(state.finished);
  }
  return message;
}

LinkUp to_link_up(const v1::WelcomeMessage& welcome) {
  LinkUp up{.controller_epoch = welcome.controller_epoch(), .keep = {}, .stop = {}};
  for (const v1::AttemptKey& key : welcome.keep()) {
    up.keep.push_back(wire::to_model(key));
  }
  for (const v1::AttemptKey& key : welcome.stop()) {
    up.stop.push_back(wire::to_model(key));
  }
  return up;
}

AssignOrder to_assign(const v1::ControllerMessage& message) {
  return {.controller_epoch = message.controller_epoch(),
          .key = wire::to_model(message.assign().key()),
          .spec = message.assign().spec(),
          .secrets = message.assign().secrets()};
}

std::optional<AgentCommand> to_order(const v1::ControllerMessage& message) {
  const std::uint64_t epoch = message.controller_epoch();
  switch (message.kind_case()) {
    case v1::ControllerMessage::kCancel:
      return CancelOrder{epoch, wire::to_model(message.cancel())};
    case v1::ControllerMessage::kStop:
      return StopOrder{epoch, wire::to_model(message.stop())};
    case v1::ControllerMessage::kAck:
      return ReportAcked{epoch, wire::to_model(message.ack().key()), message.ack().finished(),
                         message.ack().accepted()};
    case v1::ControllerMessage::kDrain:
      return DrainOrder{epoch};
    default:
      return std::nullopt;
  }
}

}  // namespace hearth::agent
