#include "agent/launcher/helper/failure.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "agent/launcher/helper/exec.h"
#include "base/error.h"

namespace hearth::agent::helper {
namespace {

constexpr int kExitNotStarted = 127;

// What was tried, and what an operator can do when it is refused.
struct SandboxStep {
  std::string_view tried;
  std::string_view advice;
};

SandboxStep step_of(ChildStage stage) {
  switch (stage) {
    case ChildStage::Namespaces:
      return {"make its namespaces",
              "the kernel must allow user namespaces (user.max_user_namespaces), and the agent "
              "must not be in a chroot or in a container that refuses them"};
    case ChildStage::IdMap:
      return {"give it ids of its own", "run the agent as root, or as a user without other users"};
    case ChildStage::ReadOnlyPath:
      return {"show it a path of the machine",
              "the path must exist and be reachable for every user"};
    case ChildStage::ImageRoot:
      return {"show it the image's files", "the image must be unpacked on this agent"};
    case ChildStage::Root:
      return {"make its root", "a kernel of 5.12 or newer with tmpfs is needed"};
    case ChildStage::Overlay:
      return {"put a writable layer over the image",
              "a kernel of 5.11 or newer with overlay is needed"};
    case ChildStage::Devices:
      return {"give it devices", "the agent's /dev must have the usual ones"};
    case ChildStage::Proc:
      return {"give it a /proc of its own",
              "the agent must see a /proc with no part covered (in a container: unmask it)"};
    case ChildStage::Pivot:
      return {"leave the machine's root",
              "the agent's root must be a mount that is not the initial ramfs"};
    case ChildStage::ScratchMount:
      return {"place /work, /tmp and /dev/shm", "see the agent's log of its start"};
    case ChildStage::ResourceLimit:
      return {"set its resource limits", "see the agent's own limits (ulimit -a)"};
    case ChildStage::Capabilities:
      return {"give up its rights", "this is a bug or a kernel that is too old"};
    case ChildStage::Upload:
      return {"unpack the upload", "see what the archive holds"};
    case ChildStage::Landlock:
      return {"restrict its files by Landlock", "switch Landlock on or off, not half way"};
    case ChildStage::Filter:
      return {"install its system call filter", "a kernel with seccomp filters is needed"};
    default:
      return {"start the process inside", "the job's limit of processes may be too small"};
  }
}

SpawnOutcome explain_sandbox(SpawnOutcome outcome, const std::string& command, ChildStage stage,
                             const std::string& detail) {
  const SandboxStep step = step_of(stage);
  const std::string tried = "make the sandbox of " + command + ": " + std::string(step.tried) +
                            (detail.empty() ? "" : " (" + detail + ")");
  outcome.reason = Reason::SandboxError;
  outcome.message =
      (outcome.sys_errno == 0 ? tried : system_error(tried, outcome.sys_errno).message) + "; " +
      std::string(step.advice);
  return outcome;
}

}  // namespace

ChildFailure make_failure(ChildStage stage, int sys_errno, std::string_view detail) {
  ChildFailure failure{.stage = stage, .sys_errno = sys_errno};
  const std::size_t size = std::min(detail.size(), failure.detail.size() - 1);
  std::copy_n(detail.begin(), size, failure.detail.begin());
  return failure;
}

void StatusPipe::fail(ChildStage stage, int sys_errno, std::string_view detail) const {
  const ChildFailure failure = make_failure(stage, sys_errno, detail);
  [[maybe_unused]] const ssize_t written = write(fd_, &failure, sizeof failure);
  _exit(kExitNotStarted);
}

SpawnOutcome explain(const SpawnRequest& request, const ChildFailure& failure) {
  SpawnOutcome outcome{.id = request.id, .sys_errno = failure.sys_errno};
  const std::string detail(failure.detail.data(),
                           strnlen(failure.detail.data(), failure.detail.size()));
  const std::string& command = request.command.front();
  const std::string place = request.sandbox ? "in its sandbox" : "on this agent";
  const auto because = [&](const std::string& what) {
    return system_error(what, failure.sys_errno).message;
  };
  outcome.reason = Reason::SpawnFailed;
  switch (failure.stage) {
    case ChildStage::Directory:
      outcome.reason = Reason::CwdMissing;
      outcome.message = because("enter the working directory " + detail);
      break;
    case ChildStage::Interpreter:
      outcome.reason = Reason::NotExecutable;
      outcome.message = "start " + command + ": the file exists, but its interpreter " +
                        (detail.empty() ? "(loader)" : detail) + " does not; install it";
      break;
    case ChildStage::Exec:
      outcome.message = because("start " + detail);
      if (failure.sys_errno == ENOENT) {
        outcome.reason = Reason::CommandNotFound;
        outcome.message =
            command.find('/') != std::string::npos
                ? "start " + command + ": there is no such file " + place
                : "start " + command + ": not found in PATH=" + std::string(path_of(request.env));
      } else if (failure.sys_errno == EACCES || failure.sys_errno == ENOEXEC) {
        outcome.reason = Reason::NotExecutable;
        outcome.message += failure.sys_errno == ENOEXEC
                               ? " (neither a program of this machine nor a script with a #! line)"
                               : " (is it a file with execute permission?)";
      }
      break;
    case ChildStage::JoinGroup:
      outcome.message = because("enter the job's group by " + detail);
      break;
    case ChildStage::User:
      outcome.message = because("become the user to run as (" + detail + ")") +
                        "; run_as needs an agent with that right";
      break;
    case ChildStage::Session:
    case ChildStage::Descriptors:
      outcome.message = because("prepare the process of " + command + " (" + detail + ")");
      break;
    default:
      return explain_sandbox(std::move(outcome), command, failure.stage, detail);
  }
  return outcome;
}

}  // namespace hearth::agent::helper
