// What workers there are, by what the kernel says: the groups below an agent's folders.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"

namespace hearth::agent {

struct FoundGroup {
  std::string name;
  GroupFolders folders;
  std::vector<pid_t> pids;  // sorted, each once, those of nested groups too
  std::int64_t nested = 0;  // groups within it, whose figures are part of its own
};

// The groups right below `base` (CgroupDriver::folders()) that have a process in them or below;
// folders kept for later groups have none. By name. NotFound when `base` cannot be listed.
Result<std::vector<FoundGroup>> enumerate_groups(const GroupFolders& base);

}  // namespace hearth::agent
