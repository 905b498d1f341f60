// Settings -> the options of an agent.
#pragma once

#include <string>

#include "agent/host/agent_host.h"
#include "base/result.h"
#include "config/settings.h"

namespace hearth::apps {

// InvalidArgument names the setting. `data` is the agent's own directory; the launcher is looked
// for beside this program.
Result<agent::AgentOptions> agent_options(const config::Settings& settings, std::string data,
                                          Duration drain_deadline);

}  // namespace hearth::apps
