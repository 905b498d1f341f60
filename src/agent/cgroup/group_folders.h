// What the kernel drivers share: names, leftovers, waiting for processes to die.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/cgroup_fs.h"
#include "base/time.h"

namespace hearth::agent {

inline constexpr std::int64_t kCpuPeriodUs = 100'000;

// The folder of all groups of an agent's instance.
std::string instance_folder(const std::string& instance);  // "hearth-<instance>"

// Whether `name` is the folder of an instance as agents make them up: "hearth-" and 16 hex digits.
// Nothing else beginning with "hearth-" is taken for one: the host's services have names as well.
bool is_instance_folder(std::string_view name);

// InvalidArgument unless [A-Za-z0-9_-]{1,128}.
Result<> check_group_name(const std::string& name);
// InvalidArgument for a negative limit.
Result<> check_limits(const GroupLimits& limits);

// Microseconds of every kCpuPeriodUs; at least what kernels take.
std::int64_t cpu_quota_us(std::int64_t cpu_milli);

// Folders called `name` anywhere in the hierarchy at `mount`: an agent started from another group
// than its predecessor must find what that left.
std::vector<std::string> find_folders(CgroupFs& fs, const std::string& mount,
                                      const std::string& name);

// Removes the folders of other instances in the hierarchy at `mount` that nobody holds and that are
// old enough (limits::kAbandonedGroupAge) that nobody is just starting with them, and the empty
// groups in them. What has processes stays: it is their own agent's to end.
void remove_abandoned(CgroupFs& fs, const std::string& mount, const std::string& own_name);

// What `make` says; when that is NotFound, the instance's folder vanished (another agent took it
// for abandoned just before it was held), so `make_base` makes it again, and `make` is repeated.
Result<> make_in_base(const std::function<Result<>()>& make_base,
                      const std::function<Result<>()>& make);

// Waits until one of `pids` has ended, at most `wait`.
void wait_for_an_end(const std::vector<int>& pids, Duration wait);

// Signals each of `members()` while the v1 freezer at `folder` holds them, so that none forks away.
Result<> kill_frozen(CgroupFs& fs, const std::string& folder,
                     const std::function<Result<std::vector<int>>()>& members);

// Names of the groups in an instance's folder; none when the folder has just been removed.
Result<std::vector<std::string>> groups_left_in(CgroupFs& fs, const std::string& base);

// Unimplemented when this kernel cannot kill a group as a whole, NotFound when `group` has
// vanished.
Result<> check_has_kill(CgroupFs& fs, const std::string& group);

// Kills what is in a leftover folder of any hierarchy until it is empty, then removes it.
// DeadlineExceeded when its processes do not die within seconds.
Result<> clear_leftover(CgroupFs& fs, const std::string& folder);

}  // namespace hearth::agent
