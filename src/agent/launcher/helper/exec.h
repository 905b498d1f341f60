// The last steps of every child, sandboxed or not: its descriptors, its signals, and exec.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "agent/launcher/helper/failure.h"
#include "agent/launcher/launcher.h"

namespace hearth::agent::helper {

// Default dispositions and an empty mask.
void reset_signals();

// Makes `streams` 0, 1 and 2 and `extras` 3, 4, …, and closes all others but the status pipe, which
// is moved behind them.
void place_descriptors(StatusPipe& status, const std::array<int, 3>& streams,
                       const std::vector<int>& extras);

// Where a command without a slash is looked for: PATH of `env`, or what a login would have.
std::string_view path_of(const std::vector<std::string>& env);

[[noreturn]] void exec_command(const StatusPipe& status, const std::vector<std::string>& command,
                               const std::vector<std::string>& env);

}  // namespace hearth::agent::helper
