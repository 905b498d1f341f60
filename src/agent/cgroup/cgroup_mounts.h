// Which cgroup hierarchies this process sees, and where it is in each. Pure parsing of
// /proc/self/mountinfo and /proc/self/cgroup.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::agent {

struct Hierarchy {
  std::string mount;  // /sys/fs/cgroup/memory
  std::string own;    // this process's group below it: "" for the top, else /a/b
};

struct CgroupMounts {
  std::optional<Hierarchy> v2;
  std::map<std::string, Hierarchy> v1;  // by controller
};

CgroupMounts parse_cgroup_mounts(std::string_view mountinfo, std::string_view self_cgroup);
Result<CgroupMounts> read_cgroup_mounts();

// Where groups go in `hierarchy`: below its own group, or below `cgroup_root` (a path within the
// hierarchy; the mount point may stand before it).
std::string groups_root(const Hierarchy& hierarchy, const std::string& cgroup_root);

}  // namespace hearth::agent
