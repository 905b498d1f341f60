#include "agent/cgroup/testing/cgroup_contract.h"

#include <linux/magic.h>
#include <sys/vfs.h>

namespace hearth::agent {
namespace {

INSTANTIATE_TEST_SUITE_P(Drivers, CgroupContract,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1,
                                           Enforcement::None),
                         [](const auto& driver) {
                           const std::string_view name = to_string(driver.param);
                           return std::string(name);
                         });

// What is moved by cgroup.procs of v1 waits for an RCU grace period (launcher/helper/groups.h).
TEST_P(CgroupContract, AGroupIsEnteredByTheFileThatNeedsNoLock) {
  const CgroupHandle& group = make("entered");
  EXPECT_EQ(group.join_paths().empty(), !enforces());
  for (const std::string& path : group.join_paths()) {
    struct statfs what {};
    ASSERT_EQ(statfs(path.c_str(), &what), 0) << path;
    EXPECT_TRUE(path.ends_with(what.f_type == CGROUP2_SUPER_MAGIC ? "/cgroup.procs" : "/tasks"))
        << path;
  }
}

TEST(CgroupProbeTest, ChoosesTheBestDriverAndSaysWhyNotABetterOne) {
  const auto probed = probe_cgroup_driver({.cgroup_root = {}, .instance = "probe-test"});
  ASSERT_TRUE(probed) << probed.error().message;
  ASSERT_NE(probed->driver, nullptr);
  EXPECT_EQ(probed->why_not.empty(), probed->driver->enforcement() == Enforcement::V2)
      << probed->why_not;
  RecordProperty("driver", std::string(to_string(probed->driver->enforcement())));
}

TEST(CgroupProbeTest, CanBeSwitchedOff) {
  const auto probed =
      probe_cgroup_driver({.cgroup_root = {}, .instance = "probe-test", .force_none = true});
  ASSERT_TRUE(probed);
  EXPECT_EQ(probed->driver->enforcement(), Enforcement::None);
  EXPECT_FALSE(probed->why_not.empty());
}

}  // namespace
}  // namespace hearth::agent
