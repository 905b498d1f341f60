// Groups on a pure cgroup v2 host: limits, membership and kill in the one hierarchy.
//
// A v2 group with controllers below it cannot hold processes itself. So when groups are to be made
// below the agent's own, the agent first moves itself into a leaf beside them; and where others
// share its group (a shell's session), or it lacks a controller, groups go below the nearest
// ancestor that can have them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/cgroup_fs.h"

namespace hearth::agent {

// Where in its own group the agent moves to.
inline constexpr std::string_view kAgentLeaf = "/hearth-agent";

class V2Driver final : public CgroupDriver {
 public:
  struct Place {
    std::string mount;        // top of the hierarchy
    std::string root;         // where the instance's folder goes
    bool root_is_own = true;  // the agent lives in `root`
    bool is_fixed = false;    // there or nowhere
  };

  // Unimplemented when a controller is missing, PermissionDenied, FailedPrecondition when other
  // processes share the agent's group.
  static Result<std::unique_ptr<V2Driver>> create(std::unique_ptr<CgroupFs> fs, const Place& place,
                                                  const std::string& instance);
  ~V2Driver() override;

  [[nodiscard]] Enforcement enforcement() const override { return Enforcement::V2; }
  [[nodiscard]] GroupFolders folders() const override;
  Result<std::unique_ptr<CgroupHandle>> create(const std::string& name,
                                               const GroupLimits& limits) override;
  [[nodiscard]] GroupCounts counts() const override { return {.made = made_}; }
  Result<int> sweep() override;

 private:
  V2Driver(std::unique_ptr<CgroupFs> fs, Place place, const std::string& instance);
  Result<> prepare();
  Result<> prepare_below(const std::string& root);
  Result<> enable_without_us(const std::string& root);
  Result<> make_base();

  std::unique_ptr<CgroupFs> fs_;
  Place place_;
  std::string folder_name_;
  std::string folder_;
  std::uint64_t made_ = 0;
  UniqueFd hold_;
};

}  // namespace hearth::agent
