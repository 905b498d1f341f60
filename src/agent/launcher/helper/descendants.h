// Finding and killing everything that descends from the helper.
//
// The helper is a child subreaper: whatever a job forks, however it detaches, stays below the
// helper in the tree of processes. So when the agent is gone, no group is needed to find what is
// left.
#pragma once

#include <sys/types.h>

namespace hearth::agent::helper {

// Kills everything below `root`, in passes until a pass finds nothing new: by process group, which
// the kernel signals in one step, so that one that forks meanwhile does not get away. The caller
// reaps and repeats until it has no child any more.
void kill_descendants(pid_t root);

}  // namespace hearth::agent::helper
