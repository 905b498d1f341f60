// Sandboxes from the launcher's side: what is made once, how one is begun, and what its init says
// of the program's end.
#pragma once

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/launcher/helper/child.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace hearth::agent::helper {

// Unpacks an archive into a folder, as the user that calls it. "" or why not, in a sentence.
using Unpack = std::function<std::string(int archive_fd, int folder_fd)>;

// What is the same for every sandbox.
struct SandboxKit {
  std::vector<sock_filter> filter;  // of system calls
  std::vector<sock_filter> filter_with_network;
  int landlock_abi = 0;  // 0: the kernel has none
  Unpack unpack;         // empty: uploads are refused
};

Result<SandboxKit> make_sandbox_kit(Unpack unpack);

struct SandboxStart {
  pid_t pid = -1;                       // of the sandbox's init; -1: none was made
  UniqueFd control;                     // see read_end
  std::optional<ChildFailure> failure;  // when set and there is a pid, it is killed already
};

// Namespaces to begin in instead of fresh ones; -1: none.
struct SandboxOrigin {
  int mounts_fd = -1;   // see Templates
  int network_fd = -1;  // see Networks
};

// Returns when the init is on its way, with its ids; it enters its groups itself. What fails later
// comes through plan.status_fd. Never waits for a file system.
SandboxStart start_sandbox(ChildPlan& plan, const SandboxKit& kit, const SandboxOrigin& origin);

// How the program inside ended, and what it and all that was reaped inside used.
struct SandboxEnd {
  std::int32_t wait_status = 0;
  std::int64_t cpu_us = 0;
  std::int64_t max_rss_bytes = 0;
};

std::int64_t cpu_us_of(const rusage& usage);

// Once the init is dead. Nothing when it was killed before the program ended.
std::optional<SandboxEnd> read_end(int control_fd);

}  // namespace hearth::agent::helper
