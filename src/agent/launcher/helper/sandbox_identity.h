// Who a sandboxed program is and what it may use up: ids, capabilities, resource limits.
#pragma once

#include "agent/launcher/helper/failure.h"
#include "agent/launcher/sandbox_plan.h"

namespace hearth::agent::helper {

// The sandbox's own root, which no longer is the machine's; without id_base nothing to do.
void become_inside_root(const StatusPipe& status, const SandboxPlan& plan);

// Neither this process nor what it starts ever gains a capability by exec or by its user id.
void lock_capabilities(const StatusPipe& status);

// For the init, which needs nothing but to signal the program.
void keep_kill_only(const StatusPipe& status);

void set_resource_limits(const StatusPipe& status, const SandboxPlan& plan);

// Verified: the program's user without groups, without capabilities, without new rights by exec.
void become_task(const StatusPipe& status, const SandboxPlan& plan);

}  // namespace hearth::agent::helper
