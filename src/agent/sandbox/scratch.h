// What a sandboxed task may write: one tmpfs of bounded size, of which /work, /tmp and /dev/shm
// inside are folders. It has no place on the machine: only descriptors lead to it, and it vanishes
// with the last of them, so nothing of a task is ever on a disk.
//
// The agent writes the task's files before anything runs and reads results when everything is dead;
// it never opens a name that a task could have planted without the kernel's refusal of links. Loop
// thread only; calls do not wait for a disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sandbox_limits.h"
#include "base/unique_fd.h"

namespace hearth::agent {

struct ScratchOptions {
  std::int64_t bytes = limits::kScratchBytesDefault;
  std::int64_t inodes = limits::kScratchInodesDefault;
  // As in the SandboxPlan it is for.
  std::optional<std::uint32_t> id_base;
  std::uint32_t uid = 1000;
  std::uint32_t gid = 1000;
};

struct ScratchUsage {
  std::int64_t bytes = 0;
  std::int64_t bytes_max = 0;
  std::int64_t inodes = 0;
  std::int64_t inodes_max = 0;

  // A write of the task may have failed for want of room.
  [[nodiscard]] bool is_full() const { return bytes >= bytes_max || inodes >= inodes_max; }
};

struct ResultFile {
  UniqueFd fd;  // for reading, at the file's start
  std::int64_t bytes = 0;
};

class Scratch {
 public:
  // InvalidArgument or ResourceExhausted (naming the limit) when an option is out of bounds,
  // PermissionDenied when this process may not mount.
  static Result<Scratch> create(const ScratchOptions& options);

  // For SandboxPlan::scratch_fd.
  [[nodiscard]] int fd() const { return root_.get(); }

  // A new file below /work, owned by the task, with the folders that lead to it. `path` is relative
  // ("src/main.js"); InvalidArgument when it is not strictly below, AlreadyExists,
  // ResourceExhausted when the scratch is full.
  Result<> write_file(const std::string& path, std::string_view bytes, unsigned mode = 0644);

  // A file that the task left below /work. Only when nothing of the task runs any more. NotFound;
  // FailedPrecondition when it is not a plain file of its own (a link, a folder, a device, a name
  // that passes through a link, one of several names of a file); ResourceExhausted above
  // `bytes_max`.
  [[nodiscard]] Result<ResultFile> open_result(const std::string& path,
                                               std::int64_t bytes_max) const;

  [[nodiscard]] Result<ScratchUsage> usage() const;

 private:
  Scratch(UniqueFd root, std::uint32_t host_uid, std::uint32_t host_gid)
      : root_(std::move(root)), host_uid_(host_uid), host_gid_(host_gid) {}

  Result<UniqueFd> make_folders(std::string_view path);

  UniqueFd root_;
  std::uint32_t host_uid_;
  std::uint32_t host_gid_;
};

}  // namespace hearth::agent
