// Finding and killing everything that descends from the helper.
//
// The helper is a child subreaper: whatever a job forks, however it detaches, stays below the
// helper in the tree of processes. So when the agent is gone, no group is needed to find what is
// left.
#pragma once

#include <sys/types.h>

#include <vector>

namespace hearth::agent::helper {

// Processes below `root`, without `root` and without zombies, from one walk over /proc.
std::vector<pid_t> descendants_of(pid_t root);

// Stops, then kills everything below `root`, in passes until a pass finds nothing new. Returns the
// number of processes the last pass saw; the caller reaps and repeats until it is 0.
int kill_descendants(pid_t root);

}  // namespace hearth::agent::helper
