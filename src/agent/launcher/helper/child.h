// What happens between fork and exec of a command of level none.
//
// run_child works in the forked child of a single-threaded process, so it may allocate.
#pragma once

#include <sys/types.h>

#include <array>
#include <vector>

#include "agent/launcher/helper/failure.h"
#include "agent/launcher/helper/groups.h"
#include "agent/launcher/launcher.h"

namespace hearth::agent::helper {

struct ChildPlan {
  const SpawnRequest& request;
  std::array<int, 3> streams{-1, -1, -1};  // open descriptors above 2
  std::vector<int> extras;
  int scratch_fd = -1;
  int upload_fd = -1;
  int status_fd = -1;
  pid_t helper_pid = 0;
  GroupEntry groups = {};
};

[[noreturn]] void run_child(const ChildPlan& plan);

}  // namespace hearth::agent::helper
