// Spawning without forking a big process: the agent asks hearth-launcher, a tiny single-threaded
// helper, over a SOCK_SEQPACKET pair; descriptors travel with the request.
//
// ProcessLauncher is the agent's side. RealLauncher speaks to the helper, FakeLauncher (testing/)
// obeys a script. Events arrive on the agent's loop thread by polling fd(). When the socket closes,
// the helper is gone (on_lost): every group is killed by the agent and another helper is started.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/launcher/sandbox_plan.h"
#include "base/result.h"
#include "model/job_state.h"

namespace hearth::agent {

using SpawnId = std::uint64_t;

// All strings are passed as they are; none may hold NUL. The child gets a fresh environment
// (`env`), its own session, default signal dispositions and an empty mask, descriptors 0..2 as
// given and no other but extra_fds. With a `sandbox`, command, cwd and PATH mean what is inside.
struct SpawnRequest {
  SpawnId id = 0;
  std::vector<std::string> command;
  std::vector<std::string> env;  // NAME=value
  std::string cwd;
  std::vector<std::string> join_paths;  // to enter before exec: cgroup.procs files (v2), tasks (v1)
  // What the helper kills the whole group with when the agent is gone: cgroup.kill files (v2) and
  // freezer.state files (v1). Without any it kills what descends from the child.
  std::vector<std::string> kill_paths;
  std::optional<std::uint32_t> uid;  // run_as; not with a sandbox, which has its own
  std::optional<std::uint32_t> gid;
  int stdin_fd = -1;  // borrowed until spawn() returns, as all descriptors are
  int stdout_fd = -1;
  int stderr_fd = -1;
  // Become 3, 4, … of the program: at most limits::kExtraDescriptorsMax.
  std::vector<int> extra_fds;
  std::optional<SandboxPlan> sandbox;  // absent: level none
};

struct SpawnOutcome {
  SpawnId id = 0;
  std::int32_t pid = 0;  // > 0: exec succeeded; with a sandbox that of its init
  // CommandNotFound, NotExecutable, CwdMissing, SpawnFailed, SandboxError
  Reason reason = Reason::None;
  int sys_errno = 0;
  std::string message;
};

struct ExitOutcome {
  SpawnId id = 0;
  std::optional<std::int32_t> exit_code;
  std::optional<std::int32_t> signal;
  std::int64_t cpu_us = 0;  // of the child and its waited-for children
  std::int64_t max_rss_bytes = 0;
};

struct LauncherEvents {
  std::function<void(const SpawnOutcome&)> on_spawned;
  std::function<void(const ExitOutcome&)> on_exited;
  std::function<void(const std::string& why)> on_lost;
};

class ProcessLauncher {
 public:
  virtual ~ProcessLauncher() = default;
  virtual void set_events(LauncherEvents events) = 0;
  virtual Result<> spawn(const SpawnRequest& request) = 0;
  // Signals the process of `id` (not its group) if it has not been reaped. In a sandbox the program
  // gets TERM, INT, HUP, QUIT, USR1 and USR2; any other is its init's, so that KILL ends
  // everything.
  virtual Result<> signal(SpawnId id, int signal_number) = 0;
  // Readable when process_events has something to do.
  [[nodiscard]] virtual int fd() const = 0;
  virtual void process_events() = 0;
  virtual Result<> restart() = 0;  // after on_lost
  // Requests that have not been sent yet.
  [[nodiscard]] virtual std::size_t waiting() const { return 0; }
};

}  // namespace hearth::agent
