// The tmpfs of a scratch, mounted nowhere.
#pragma once

#include "agent/sandbox/scratch.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace hearth::agent {

// By this process when it may mount; otherwise, without id_base, by a child in a user namespace of
// its own in which this process's user is the task's. PermissionDenied when neither is allowed.
Result<UniqueFd> new_scratch_tmpfs(const ScratchOptions& options);

}  // namespace hearth::agent
