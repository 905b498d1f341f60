// What a sandboxed program may see and use, as hearth-launcher is told it.
//
// Inside there are: /usr with bin, sbin, lib and lib64 as the machine has them (level process) or
// the image's files under an overlay (level image); a small /etc and /dev; /proc without what
// concerns the machine; and /work, /tmp and /dev/shm, which are folders of the scratch. Nothing
// else of the machine: no /sys, /home, /run or /var, no network unless it is given, no capability,
// no other process. The program is a child of a small init that has the pid SpawnOutcome tells,
// forwards signals, reaps orphans, and whose end ends everything inside; it counts as one process
// of the job's group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sandbox_limits.h"

namespace hearth::agent {

struct SandboxPlan {
  // The first of limits::kSandboxIds host ids, for user and group ids both; nothing else that runs
  // may have any of them (UidRanges). Absent: the agent is not root, and its own user stands for
  // `uid` inside, its own group for `gid`.
  std::optional<std::uint32_t> id_base;
  std::uint32_t uid = 1000;  // inside; the program's, named "task"
  std::uint32_t gid = 1000;

  std::string image_root;  // of an unpacked image on the machine; empty: level process
  // Of the machine, shown read-only at the same place, without set-user-id and devices. Absolute,
  // normal, and neither "/" nor in /proc, /dev, /work or /tmp; one that is missing fails the start.
  std::vector<std::string> read_only_paths;
  bool network = false;  // the machine's own, and what it needs of /etc

  // The tmpfs made by Scratch::create, borrowed until spawn() returns. Required.
  int scratch_fd = -1;
  // An archive to be unpacked into /work, as the program's user, before the program begins. Read
  // from its start; borrowed until spawn() returns. -1: none.
  int upload_fd = -1;

  // Resource limits of each process (processes: of all together).
  std::int64_t open_files = limits::kSandboxOpenFilesDefault;
  std::int64_t processes = limits::kSandboxProcessesDefault;
  std::int64_t file_bytes = limits::kSandboxFileBytesDefault;
  std::int64_t cpu_seconds = 0;  // 0: none. SIGXCPU then, and SIGKILL a second later
};

// InvalidArgument naming what is wrong: ids that could be the machine's, paths that are not normal,
// limits that are zero, negative or above those of base/sandbox_limits.h. Asked on both sides.
Result<> validate(const SandboxPlan& plan);

// Absolute, of at most limits::kSandboxPathBytesMax, without empty, "." or ".." parts and without a
// slash at the end; so not "/" either.
bool is_normal_path(const std::string& path);

}  // namespace hearth::agent
