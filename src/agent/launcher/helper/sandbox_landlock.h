// A second lock beside the mounts and the user: the kernel's Landlock, where there is one.
#pragma once

#include "agent/launcher/helper/failure.h"
#include "agent/launcher/sandbox_plan.h"

namespace hearth::agent::helper {

// 0 when the kernel has none.
int landlock_abi();

// The process and what it starts may change files only below /work, /tmp and /dev/shm, and write to
// the devices of /dev; at level image the overlay, which is the task's own, is left to its
// permissions. Signals and abstract sockets reach only what is as confined (ABI 6).
void restrict_files(const StatusPipe& status, const SandboxPlan& plan, int abi);

}  // namespace hearth::agent::helper
