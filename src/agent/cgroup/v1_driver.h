// Groups on hosts whose controllers are in the old hierarchies: limits through them; membership and
// kill through the v2 hierarchy beside them where there is one (Hybrid), else by freezing (V1).
//
// A group is one folder of the same name in each hierarchy. The old memory controller kills one
// process when a group is out of memory, not the group: see CgroupHandle::watch_oom.
#pragma once

#include <map>
#include <memory>
#include <optional>
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
                                                  const Places& places,
                                                  const std::string& instance);
  ~V1Driver() override;

  [[nodiscard]] Enforcement enforcement() const override {
    return hybrid_ ? Enforcement::Hybrid : Enforcement::V1;
  }
  Result<std::unique_ptr<CgroupHandle>> create(const std::string& name,
                                               const GroupLimits& limits) override;
  Result<int> sweep() override;

  // The group's folder in each hierarchy; some hierarchies may be mounted together.
  struct Folders {
    std::string memory;
    std::string pids;
    std::string cpu;
    std::string accounting;  // cpuacct, or v2 when hybrid
    std::string membership;  // freezer, or v2 when hybrid
    [[nodiscard]] std::vector<std::string> distinct() const;
  };

 private:
  V1Driver(std::unique_ptr<CgroupFs> fs, const Places& places, const std::string& instance);
  [[nodiscard]] Folders folders_of(const std::string& name) const;
  Result<> make_base();
  Result<> write_limits(const Folders& group, const GroupLimits& limits);

  std::unique_ptr<CgroupFs> fs_;
  std::string folder_name_;
  Folders base_;  // the instance's own
  std::vector<std::string> mounts_;
  bool hybrid_ = false;
};

}  // namespace hearth::agent
