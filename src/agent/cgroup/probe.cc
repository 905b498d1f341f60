#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/cgroup_fs.h"
#include "agent/cgroup/cgroup_mounts.h"
#include "agent/cgroup/none_driver.h"
#include "agent/cgroup/v1_driver.h"
#include "agent/cgroup/v2_driver.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

Error not_mounted(const std::string& what) {
  return Error{.code = ErrorCode::Unimplemented, .message = what + " is not mounted"};
}

Result<std::unique_ptr<CgroupDriver>> make_v2(const CgroupMounts& mounts,
                                              const DriverOptions& options) {
  if (!mounts.v2) {
    return not_mounted("cgroup v2");
  }
  // An agent that was started from the leaf of another makes its groups beside that leaf.
  Hierarchy hierarchy = *mounts.v2;
  if (hierarchy.own.ends_with(kAgentLeaf)) {
    hierarchy.own.resize(hierarchy.own.size() - kAgentLeaf.size());
  }
  const std::string root = groups_root(hierarchy, options.cgroup_root);
  return V2Driver::create(std::make_unique<KernelCgroupFs>(),
                          {.mount = hierarchy.mount,
                           .root = root,
                           .root_is_own = root == hierarchy.mount + hierarchy.own,
                           .is_fixed = !options.cgroup_root.empty()},
                          options.instance);
}

std::optional<V1Driver::Place> place_in(const CgroupMounts& mounts, const std::string& controller,
                                        const DriverOptions& options) {
  const auto found = mounts.v1.find(controller);
  if (found == mounts.v1.end()) {
    return std::nullopt;
  }
  return V1Driver::Place{.mount = found->second.mount,
                         .root = groups_root(found->second, options.cgroup_root)};
}

Result<std::unique_ptr<CgroupDriver>> make_v1(const CgroupMounts& mounts, bool hybrid,
                                              const DriverOptions& options) {
  V1Driver::Places places;
  for (const auto& [controller, place] :
       {std::pair("memory", &places.memory), std::pair("pids", &places.pids),
        std::pair("cpu", &places.cpu)}) {
    const auto found = place_in(mounts, controller, options);
    if (!found) {
      return not_mounted(std::string("the v1 hierarchy of the ") + controller + " controller");
    }
    *place = *found;
  }
  places.cpuacct = place_in(mounts, "cpuacct", options);
  places.freezer = place_in(mounts, "freezer", options);
  if (hybrid) {
    if (!mounts.v2) {
      return not_mounted("cgroup v2 beside v1");
    }
    places.v2 = V1Driver::Place{.mount = mounts.v2->mount,
                                .root = groups_root(*mounts.v2, options.cgroup_root)};
  }
  return V1Driver::create(std::make_unique<KernelCgroupFs>(), places, options.instance,
                          options.groups_kept_max);
}

// The folder that both are in.
std::string common_folder(const std::string& one, const std::string& other) {
  const std::string first = one + "/";
  const std::string second = other + "/";
  const auto [end, unused] =
      std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  const std::string common(first.begin(), end);
  return common.substr(0, common.rfind('/'));
}

// On v2 making groups takes rights in one folder only; moving a process takes them also in the
// nearest group above both where it is and where it goes, which an agent started elsewhere has not.
Result<> check_may_enter(const CgroupHandle& group) {
  const GroupFolders folders = group.folders();
  if (folders.kind != Enforcement::V2) {
    return {};
  }
  HEARTH_ASSIGN(const CgroupMounts mounts, read_cgroup_mounts());  // the agent may have moved
  if (!mounts.v2) {
    return not_mounted("cgroup v2");
  }
  const std::string own = mounts.v2->mount + mounts.v2->own;
  const std::string procs = common_folder(own, folders.membership) + "/cgroup.procs";
  if (faccessat(AT_FDCWD, procs.c_str(), W_OK, AT_EACCESS) != 0) {
    return cgroup_error("move processes from the agent's cgroup " + own + " to " +
                            folders.membership + " (which takes writing to " + procs + ")",
                        errno);
  }
  return {};
}

// A group with every limit, made and removed: what cannot do that is not worth choosing.
Result<> try_out(CgroupDriver& driver) {
  const GroupLimits all{.memory_bytes = 64 * limits::kMiB,
                        .cpu_limit_milli = 1'000,
                        .cpu_weight_milli = 1'000,
                        .pids = 64};
  HEARTH_ASSIGN(const auto group, driver.create("probe-" + std::to_string(getpid()), all));
  const Result<> may_enter = check_may_enter(*group);
  const Result<GroupUsage> usage = group->usage();
  HEARTH_TRY(group->remove());
  HEARTH_TRY(may_enter);
  HEARTH_TRY(usage);
  return driver.trim();
}

}  // namespace

Result<std::unique_ptr<CgroupDriver>> make_cgroup_driver(Enforcement kind,
                                                         const DriverOptions& options) {
  if (kind == Enforcement::None) {
    return std::unique_ptr<CgroupDriver>(new NoneDriver(options.instance));
  }
  HEARTH_ASSIGN(const CgroupMounts mounts, read_cgroup_mounts());
  auto driver = kind == Enforcement::V2 ? make_v2(mounts, options)
                                        : make_v1(mounts, kind == Enforcement::Hybrid, options);
  if (driver) {
    HEARTH_TRY(try_out(**driver));
  }
  return driver;
}

Result<ProbedDriver> probe_cgroup_driver(const DriverOptions& options) {
  std::string why_not;
  if (options.force_none) {
    why_not = "switched off by the configuration";
  } else {
    for (const auto& [kind, name] :
         {std::pair(Enforcement::V2, "v2"), std::pair(Enforcement::Hybrid, "hybrid"),
          std::pair(Enforcement::V1, "v1")}) {
      auto driver = make_cgroup_driver(kind, options);
      if (driver) {
        return ProbedDriver{.driver = std::move(*driver), .why_not = why_not};
      }
      why_not += (why_not.empty() ? "" : "; ") + std::string(name) + ": " + driver.error().message;
    }
    if (!options.cgroup_root.empty()) {
      return Error{.code = ErrorCode::FailedPrecondition,
                   .message = "no cgroups can be made below --cgroup-root " + options.cgroup_root +
                              ": " + why_not};
    }
  }
  HEARTH_ASSIGN(auto none, make_cgroup_driver(Enforcement::None, options));
  return ProbedDriver{.driver = std::move(none), .why_not = why_not};
}

}  // namespace hearth::agent
