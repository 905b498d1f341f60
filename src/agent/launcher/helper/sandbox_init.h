// The first process of a sandbox: it makes the inside, starts the program, and stays as the small
// init that every pid namespace needs.
#pragma once

#include "agent/launcher/helper/sandbox_start.h"

namespace hearth::agent::helper {

struct InitSide {
  // One byte comes when the ids are there; a SandboxEnd is written at the end.
  int control_fd = -1;
  bool from_template = false;  // of mounts
};

// In the fresh child, with all signals blocked.
[[noreturn]] void run_init(const ChildPlan& plan, const SandboxKit& kit, const InitSide& side);

}  // namespace hearth::agent::helper
