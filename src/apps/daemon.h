// The long-running commands: settings read, parts put together, run until a signal.
#pragma once

#include <map>
#include <string>

#include "cli/options.h"

namespace hearth::apps {

// up, controller, agent and config. Returns the exit code: 0 after a clean stop, 1 when it could
// not start or lost its truth, 2 for wrong settings.
int run_daemon(const cli::DaemonCommand& command,
               const std::map<std::string, std::string>& environment);

}  // namespace hearth::apps
