// The first process of a sandbox: it makes the inside, starts the program, and stays as the small
// init that every pid namespace needs.
#pragma once

#include "agent/launcher/helper/sandbox_start.h"

namespace hearth::agent::helper {

// In the fresh child, with all signals blocked. It waits for one byte through `control_fd` (its ids
// and groups are there then), and at the end writes a SandboxEnd to it.
[[noreturn]] void run_init(const ChildPlan& plan, const SandboxKit& kit, int control_fd);

}  // namespace hearth::agent::helper
