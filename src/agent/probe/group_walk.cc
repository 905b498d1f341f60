#include "agent/probe/group_walk.h"

#include <algorithm>
#include <string_view>

#include "agent/cgroup/cgroup_fs.h"

namespace hearth::agent {
namespace {

constexpr int kDepthMax = 16;

std::string below(const std::string& base, const std::string& name) {
  return base.empty() ? std::string() : base + "/" + name;
}

std::int64_t count_groups(CgroupFs& fs, const std::string& folder, int depth) {
  const auto names = fs.folders(folder);
  if (!names || depth >= kDepthMax) {
    return 0;
  }
  std::int64_t count = std::ssize(*names);
  for (const std::string& name : *names) {
    count += count_groups(fs, folder + "/" + name, depth + 1);
  }
  return count;
}

}  // namespace

Result<std::vector<FoundGroup>> enumerate_groups(const GroupFolders& base) {
  KernelCgroupFs fs;
  HEARTH_ASSIGN(auto names, fs.folders(base.membership));
  std::sort(names.begin(), names.end());
  std::vector<FoundGroup> found;
  for (const std::string& name : names) {
    FoundGroup group{.name = name,
                     .folders = {.kind = base.kind,
                                 .memory = below(base.memory, name),
                                 .pids = below(base.pids, name),
                                 .cpu = below(base.cpu, name),
                                 .accounting = below(base.accounting, name),
                                 .membership = below(base.membership, name),
                                 .io = below(base.io, name)},
                     .pids = {},
                     .nested = 0};
    auto pids = pids_below(fs, group.folders.membership);
    if (!pids || pids->empty()) {
      continue;  // empty, or removed meanwhile
    }
    std::sort(pids->begin(), pids->end());
    pids->erase(std::unique(pids->begin(), pids->end()), pids->end());
    group.pids = std::move(*pids);
    group.nested = count_groups(fs, group.folders.membership, 0);
    found.push_back(std::move(group));
  }
  return found;
}

}  // namespace hearth::agent
