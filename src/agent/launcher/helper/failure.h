// A failure between fork and exec: how the child tells it, and how it is told to the user.
//
// The child writes one ChildFailure to its status descriptor, which exec closes: end-of-file
// without a report means that the command runs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

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
  // Of a sandbox only.
  Namespaces,
  IdMap,
  ReadOnlyPath,
  ImageRoot,
  Root,
  Overlay,
  Devices,
  Proc,
  Pivot,
  ScratchMount,
  ResourceLimit,
  Capabilities,
  Upload,
  Landlock,
  Filter,
  Init,
};

struct ChildFailure {
  ChildStage stage = ChildStage::Exec;
  std::int32_t sys_errno = 0;
  std::array<char, 256> detail{};  // the path in question, NUL-terminated, cut to fit
};

ChildFailure make_failure(ChildStage stage, int sys_errno, std::string_view detail);

// The child's end of its status pipe.
class StatusPipe {
 public:
  explicit StatusPipe(int fd) : fd_(fd) {}

  [[noreturn]] void fail(ChildStage stage, int sys_errno, std::string_view detail) const;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

// The outcome an agent is told: CommandNotFound, NotExecutable, CwdMissing, SpawnFailed, or
// SandboxError with what the operator can do.
SpawnOutcome explain(const SpawnRequest& request, const ChildFailure& failure);

}  // namespace hearth::agent::helper
