// Groups of processes with limits, over the cgroup hierarchies a host has.
//
// Implementations: V2Driver, HybridDriver (v1 limits; membership, freeze and kill through the v2
// hierarchy beside it), V1Driver, NoneDriver (process groups only). All pass the contract suite in
// cgroup_contract_*_test.cc; what the kernel really enforces is enforcement(). Groups live below
// `<root>/hearth-<instance>/`, so cleaning up after a crash never touches a neighbour's, which is
// held for as long as its driver lives.
//
// Thread-compatible: one call at a time to a driver and its groups, which it must outlive.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "model/job_state.h"

namespace hearth::agent {

// 0: no limit.
struct GroupLimits {
  bool operator==(const GroupLimits&) const = default;

  std::int64_t memory_bytes = 0;      // hard limit; swap none
  std::int64_t cpu_limit_milli = 0;   // quota over a 100 ms period
  std::int64_t cpu_weight_milli = 0;  // what is reserved; sets the weight
  std::int64_t pids = 0;
  bool single_use = false;  // its folders never serve another group
};

struct GroupUsage {
  std::optional<std::int64_t> cpu_ms;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> memory_peak_bytes;
  std::optional<std::int64_t> pids;
  std::int64_t oom_kills = 0;
};

// Where a group is in each hierarchy that it is in, for whoever reads its figures; the folders are
// one and the same on v2. Kind None: it is in none.
struct GroupFolders {
  bool operator==(const GroupFolders&) const = default;

  Enforcement kind = Enforcement::None;
  std::string memory;
  std::string pids;
  std::string cpu;
  std::string accounting;  // counts CPU time: v2 or cpuacct
  std::string membership;  // lists all processes: v2 or freezer
  std::string io;          // v2 or blkio; empty where the driver makes no group for it
  // CPU time that the folders had counted before they became this group's.
  std::int64_t cpu_us_before = 0;
};

// One group. The destructor does not remove it.
class CgroupHandle {
 public:
  virtual ~CgroupHandle() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;
  // `cgroup.procs` files (v2) and `tasks` files (v1) of the groups a starting process enters before
  // exec, so that nothing escapes accounting. Empty for NoneDriver.
  [[nodiscard]] virtual std::vector<std::string> join_paths() const = 0;
  // The launcher's means to kill the group when the agent is gone (SpawnRequest::kill_paths).
  [[nodiscard]] virtual std::vector<std::string> kill_paths() const { return {}; }
  [[nodiscard]] virtual GroupFolders folders() const { return {}; }
  // NAME=value entries a process of the group must start with. Only NoneDriver has any: its members
  // are known by nothing else once they left their session.
  [[nodiscard]] virtual std::vector<std::string> env_marks() const { return {}; }
  // The first process, once it runs. Only NoneDriver takes notice.
  virtual void set_leader(pid_t /*leader*/) {}
  // A descriptor of the handle's that becomes readable when the group has run out of memory, for
  // kernels that then kill one process only (v1); the caller looks at usage().oom_kills and kills
  // the rest. -1 where the kernel kills the whole group by itself (v2) or nothing is enforced.
  virtual Result<int> watch_oom() { return -1; }
  // From now on these hold. Memory and processes can only be given more.
  virtual Result<> raise_limits(const GroupLimits& limits) = 0;
  virtual Result<GroupUsage> usage() = 0;
  virtual Result<std::vector<pid_t>> pids() = 0;
  virtual Result<bool> empty() = 0;
  // Kills every member, also those that fork meanwhile; returns when each was signalled. The caller
  // repeats until empty().
  virtual Result<> kill_all() = 0;
  // Needs to be empty. FailedPrecondition when it is not, or when the kernel has not let go of it
  // yet: the caller tries again a little later. The driver may keep the folders for a later group
  // of the same limits if that finds nothing of this one.
  virtual Result<> remove() = 0;
};

// Since the driver's start.
struct GroupCounts {
  std::uint64_t made = 0;
  std::uint64_t reused = 0;
  std::int64_t kept = 0;  // now
};

class CgroupDriver {
 public:
  virtual ~CgroupDriver() = default;
  [[nodiscard]] virtual Enforcement enforcement() const = 0;
  // Those that all groups of this instance are made in.
  [[nodiscard]] virtual GroupFolders folders() const { return {}; }
  // `name` [A-Za-z0-9_-]+ . Fails with InvalidArgument for a limit the kernel refuses,
  // PermissionDenied naming both remedies (delegation, root).
  virtual Result<std::unique_ptr<CgroupHandle>> create(const std::string& name,
                                                       const GroupLimits& limits) = 0;
  // Kills and removes every group below this instance's own subtree: leftovers of a crash; their
  // number. Also removes old folders of other instances that nobody holds, because an agent that
  // was killed and never came back leaves its own.
  virtual Result<int> sweep() = 0;
  // Removes the folders kept for later groups.
  virtual Result<> trim() { return {}; }
  [[nodiscard]] virtual GroupCounts counts() const { return {}; }
};

struct DriverOptions {
  std::string cgroup_root;  // empty: below the agent's own group
  std::string instance;
  bool force_none = false;
  std::int64_t groups_kept_max = limits::kGroupsKeptMax;
};

// The best driver this host allows; `why_not` explains what is missing when it is a lesser one.
struct ProbedDriver {
  std::unique_ptr<CgroupDriver> driver;
  std::string why_not;
};
// Never fails for want of rights unless `cgroup_root` was asked for.
Result<ProbedDriver> probe_cgroup_driver(const DriverOptions& options);
// Exactly this driver, or the reason why this host does not offer it.
Result<std::unique_ptr<CgroupDriver>> make_cgroup_driver(Enforcement kind,
                                                         const DriverOptions& options);

}  // namespace hearth::agent
