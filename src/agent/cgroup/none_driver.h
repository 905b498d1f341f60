// The fallback without cgroups (an unprivileged user without delegation, other systems): no limit
// is enforced, and members are found by what they carry.
//
// A process belongs to a group when its environment holds the group's mark, when it is in the
// leader's session, or when it descends from such a process. One that cleans its environment,
// leaves the session *and* outlives its parents is found no more: that is why enforcement() says
// None.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "agent/cgroup/cgroup_driver.h"

namespace hearth::agent {

// The environment variable that its groups' processes carry: "hearth-<instance>/<group>".
inline constexpr std::string_view kGroupMarkName = "HEARTH_GROUP";

class NoneDriver final : public CgroupDriver {
 public:
  explicit NoneDriver(std::string instance);

  [[nodiscard]] Enforcement enforcement() const override { return Enforcement::None; }
  Result<std::unique_ptr<CgroupHandle>> create(const std::string& name,
                                               const GroupLimits& limits) override;
  Result<int> sweep() override;

 private:
  std::string instance_;
};

}  // namespace hearth::agent
