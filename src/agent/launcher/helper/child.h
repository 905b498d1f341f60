// What happens between fork and exec, and how its failure is told to the user.
//
// run_child works in the forked child of a single-threaded process, so it may allocate. It reports
// a failure as one ChildFailure through `status_fd`, which exec closes: end-of-file without a
// report means that the command runs.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "agent/launcher/launcher.h"

namespace hearth::agent::helper {

enum class ChildStage : std::uint8_t {
  Session,
  JoinGroup,
  Descriptors,
  User,
  Directory,
  Exec,
  Interpreter,  // the file is there, what is to run it is not
};

struct ChildFailure {
  ChildStage stage = ChildStage::Exec;
  std::int32_t sys_errno = 0;
  std::array<char, 256> detail{};  // the path in question, NUL-terminated, cut to fit
};

struct ChildPlan {
  const SpawnRequest& request;
  std::array<int, 3> streams{-1, -1, -1};  // open descriptors above 2
  int status_fd = -1;
  pid_t helper_pid = 0;
};

[[noreturn]] void run_child(const ChildPlan& plan);

// The outcome an agent is told: CommandNotFound, NotExecutable, CwdMissing or SpawnFailed.
SpawnOutcome explain(const SpawnRequest& request, const ChildFailure& failure);

}  // namespace hearth::agent::helper
