#include "agent/cgroup/cgroup_mounts.h"

#include <gtest/gtest.h>

namespace hearth::agent {
namespace {

TEST(CgroupMountsTest, FindsAPureV2Host) {
  const auto mounts = parse_cgroup_mounts(
      "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
      "0::/system.slice/hearth.service\n");
  ASSERT_TRUE(mounts.v2);
  EXPECT_EQ(mounts.v2->mount, "/sys/fs/cgroup");
  EXPECT_EQ(mounts.v2->own, "/system.slice/hearth.service");
  EXPECT_TRUE(mounts.v1.empty());
  EXPECT_EQ(groups_root(*mounts.v2, ""), "/sys/fs/cgroup/system.slice/hearth.service");
}

TEST(CgroupMountsTest, FindsEveryHierarchyOfAHybridHost) {
  const auto mounts = parse_cgroup_mounts(
      "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
      "34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "35 30 0:31 / /tmp rw - tmpfs tmpfs rw,memory\n",
      "4:memory:/jobs/one\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n");
  ASSERT_TRUE(mounts.v2);
  EXPECT_EQ(mounts.v2->own, "");
  ASSERT_TRUE(mounts.v1.contains("memory"));
  EXPECT_EQ(mounts.v1.at("memory").own, "/jobs/one");
  EXPECT_EQ(mounts.v1.at("cpu").mount, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(mounts.v1.at("cpuacct").mount, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_FALSE(mounts.v1.contains("pids"));
}

TEST(CgroupMountsTest, SeesItsPlaceWithinAContainersMount) {
  const auto bind_mounted = parse_cgroup_mounts(
      "40 30 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/docker/abc/inner\n");
  EXPECT_EQ(bind_mounted.v2.value().own, "/inner");
  const auto outside = parse_cgroup_mounts("40 30 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                                           "0::/../elsewhere\n");
  EXPECT_EQ(outside.v2.value().own, "") << "above the cgroup namespace nothing can be reached";
}

TEST(CgroupMountsTest, MountPointsWithSpacesAndRubbishLines) {
  const auto mounts = parse_cgroup_mounts(
      "\nnonsense\n1 2 3 - cgroup2\n40 30 0:26 / /odd\\040place rw - cgroup2 cgroup2 rw\n",
      "nonsense\n0::/a\n");
  EXPECT_EQ(mounts.v2.value().mount, "/odd place");
  EXPECT_FALSE(parse_cgroup_mounts("", "").v2);
}

TEST(CgroupMountsTest, TheOperatorsRootMayNameTheMountPoint) {
  const Hierarchy hierarchy{.mount = "/sys/fs/cgroup", .own = "/user.slice"};
  EXPECT_EQ(groups_root(hierarchy, "/hearth"), "/sys/fs/cgroup/hearth");
  EXPECT_EQ(groups_root(hierarchy, "hearth/"), "/sys/fs/cgroup/hearth");
  EXPECT_EQ(groups_root(hierarchy, "/sys/fs/cgroup/hearth"), "/sys/fs/cgroup/hearth");
  EXPECT_EQ(groups_root(hierarchy, "/sys/fs/cgroup"), "/sys/fs/cgroup");
  EXPECT_EQ(groups_root(hierarchy, "/"), "/sys/fs/cgroup");
}

}  // namespace
}  // namespace hearth::agent
