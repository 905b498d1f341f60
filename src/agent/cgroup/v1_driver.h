// Groups on hosts whose controllers are in the old hierarchies: limits through them; membership and
// kill through the v2 hierarchy beside them where there is one (Hybrid), else by freezing (V1).
//
// A group is one folder of the same name in each hierarchy. The old memory controller kills one
// process when a group is out of memory, not the group: see CgroupHandle::watch_oom.
//
// To make and remove four folders a job costs as much as to start it. So the folders ("slot-N") of
// a group that ended as its job began it are kept for the next of the same limits: nothing was
// killed in it or by its limits, no group was made within it, no memory stayed charged to it. Its
// limits are looked at and its peak is reset again; CPU time counts from where it stood.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/cgroup_fs.h"

namespace hearth::agent {

class V1Driver final : public CgroupDriver {
 public:
  // The tops of the hierarchies and the folders in them that groups go below.
  struct Place {
    std::string mount;
    std::string root;
  };
  struct Places {
    Place memory;
    Place pids;
    Place cpu;
    std::optional<Place> cpuacct;  // needed without v2
    std::optional<Place> freezer;  // needed without v2
    std::optional<Place> v2;       // Hybrid
  };

  static Result<std::unique_ptr<V1Driver>> create(std::unique_ptr<CgroupFs> fs,
                                                  const Places& places, const std::string& instance,
                                                  std::int64_t groups_kept_max);
  ~V1Driver() override;

  [[nodiscard]] Enforcement enforcement() const override {
    return hybrid_ ? Enforcement::Hybrid : Enforcement::V1;
  }
  [[nodiscard]] GroupFolders folders() const override { return folders_for(base_); }
  Result<std::unique_ptr<CgroupHandle>> create(const std::string& name,
                                               const GroupLimits& limits) override;
  [[nodiscard]] GroupCounts counts() const override {
    return {.made = made_, .reused = reused_, .kept = static_cast<std::int64_t>(kept_.size())};
  }
  Result<int> sweep() override;
  Result<> trim() override;

  // The group's folder in each hierarchy; some hierarchies may be mounted together.
  struct Folders {
    std::string memory;
    std::string pids;
    std::string cpu;
    std::string accounting;  // cpuacct, or v2 when hybrid
    std::string membership;  // freezer, or v2 when hybrid
    [[nodiscard]] std::vector<std::string> distinct() const;
  };
  struct Slot {
    Folders folders;
    GroupLimits limits;
    std::int64_t cpu_us_before = 0;
  };

  // For the groups' own use.
  [[nodiscard]] CgroupFs& fs() { return *fs_; }
  Result<std::int64_t> cpu_us(const Folders& group);
  [[nodiscard]] GroupFolders folders_for(const Folders& group) const;
  Result<> raise_limits(const Folders& group, const GroupLimits& limits);
  // The group `name` has ended. `as_new`: its slot may serve again.
  Result<> take_back(const std::string& name, const Slot& slot, bool as_new);

 private:
  V1Driver(std::unique_ptr<CgroupFs> fs, const Places& places, const std::string& instance,
           std::int64_t groups_kept_max);
  [[nodiscard]] Folders folders_of(const std::string& name) const;
  Result<> make_base();
  Result<Slot> make_slot(const GroupLimits& limits);
  Result<> make_folders(const Folders& group);
  // A kept slot of these limits, made ready; nothing when there is none.
  std::optional<Slot> reuse_slot(const GroupLimits& limits);
  Result<> remove_slot(const Slot& slot);
  using Put = Result<> (CgroupFs::*)(const std::string& path, std::string_view text);
  Result<> write_limits(const Folders& group, const GroupLimits& limits, Put put);

  std::unique_ptr<CgroupFs> fs_;
  std::string folder_name_;
  Folders base_;  // the instance's own
  std::vector<std::string> mounts_;
  bool hybrid_ = false;
  std::vector<UniqueFd> holds_;  // of base_
  std::int64_t last_slot_ = 0;
  const std::int64_t kept_max_;
  std::deque<Slot> kept_;  // the longest kept first
  std::uint64_t made_ = 0;
  std::uint64_t reused_ = 0;
  std::set<std::string> names_;  // of groups that were made and not removed
};

}  // namespace hearth::agent
