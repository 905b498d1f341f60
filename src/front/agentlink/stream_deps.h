// What every stream of one server shares.
#pragma once

#include "api/agent_port.h"
#include "front/agentlink/agent_link_server.h"
#include "front/agentlink/gate.h"
#include "front/agentlink/link_counts.h"
#include "front/agentlink/link_table.h"

namespace hearth::front::agentlink {

struct StreamDeps {
  api::AgentApi& api;
  const AgentLinkOptions& options;
  LinkTable& table;
  Gate& gate;
  LinkCounts& counts;
};

}  // namespace hearth::front::agentlink
