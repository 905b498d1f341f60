// How a child gets into its control groups without holding up the machine.
//
// A process that is moved (by a write to cgroup.procs, or of another's id to v1's `tasks`) must
// neither fork nor exit meanwhile: the kernel takes a lock for it that every fork and exit looks
// at, and before that waits for an RCU grace period, 10 to 15 ms unless another was moved just
// before. A process that is born in its group, and a thread that moves itself by `tasks`, need no
// such lock.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/launcher/helper/failure.h"
#include "base/unique_fd.h"

namespace hearth::agent::helper {

// A `tasks` or cgroup.procs file to which a process writes that it itself enters.
struct GroupFile {
  std::string path;
  UniqueFd fd = {};  // none: the process opens the path
};

struct GroupEntry {
  UniqueFd born_in;     // of a cgroup2 folder, in which the child is to be born; or none
  GroupFile otherwise;  // what the child enters where that cannot be
  std::vector<GroupFile> files;
};

// What to do for each of a request's join_paths, in their order.
GroupEntry plan_entry(const std::vector<std::string>& join_paths);

// For a child that will not see the paths. Never waits, whatever they are.
std::optional<ChildFailure> open_files(GroupEntry& entry);

// As fork, into `born_in` and with CLONE_* flags of namespaces. Where a kernel or a container
// refuses this kind of birth, the group is put to the files and the child is born here.
pid_t fork_into(GroupEntry& entry, std::uint64_t flags);

// In the child.
void enter_groups(const StatusPipe& status, const std::vector<GroupFile>& files);

}  // namespace hearth::agent::helper
