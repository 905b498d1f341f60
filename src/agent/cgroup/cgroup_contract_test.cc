#include "agent/cgroup/testing/cgroup_contract.h"

namespace hearth::agent {
namespace {

INSTANTIATE_TEST_SUITE_P(Drivers, CgroupContract,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1,
                                           Enforcement::None),
                         [](const auto& driver) {
                           const std::string_view name = to_string(driver.param);
                           return std::string(name);
                         });

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
