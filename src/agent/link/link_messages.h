// What the controller's messages mean to the agent, and how the agent says hello. Pure: no call, no
// time.
#pragma once

#include <optional>

#include "agent/core/agent_core.h"
#include "agent/link/controller_link.h"
#include "hearth/agent_link.pb.h"

namespace hearth::agent {

v1::Hello to_hello(const LinkHello& hello);
LinkUp to_link_up(const v1::WelcomeMessage& welcome);
// `message` must be an assign.
AssignOrder to_assign(const v1::ControllerMessage& message);
// Nullopt for what is no order of its own: welcome, reject, assign, a newer controller's message.
std::optional<AgentCommand> to_order(const v1::ControllerMessage& message);

}  // namespace hearth::agent
