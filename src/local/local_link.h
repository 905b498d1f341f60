// ControllerLink to a controller in the same process.
//
// Lives on the agent's loop thread. The controller's threads only put what they say into a queue of
// the connection; output is handed over on a thread of its own, because the controller may write it
// to a file meanwhile. There is no wire that could fail, but a controller may still refuse the
// hello or ask for a new one, as it does of every agent.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/link/controller_link.h"
#include "agent/link/machine_usage.h"
#include "agent/loop/event_loop.h"
#include "api/agent_port.h"
#include "base/limits.h"
#include "base/log.h"

namespace hearth {

struct LocalLinkOptions {
  Duration heartbeat_interval{};
  std::uint64_t seed = 0;  // of the jitter
  Duration reconnect_initial = limits::kReconnectInitial;
  Duration reconnect_max = limits::kReconnectMax;
};

// All outlive the link.
struct LocalLinkDeps {
  agent::EventLoop& loop;
  Log& log;
  agent::MachineUsage& usage;
  agent::OutputSource& output;
  api::AgentApi& api;
};

std::unique_ptr<agent::ControllerLink> make_local_link(const LocalLinkDeps& deps,
                                                       const LocalLinkOptions& options);

}  // namespace hearth
