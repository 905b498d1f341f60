#include "agent/cgroup/v2_driver.h"

#include <gtest/gtest.h>

#include "agent/cgroup/testing/fake_cgroup_fs.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr const char* kTop = "/cg";

class V2DriverTest : public ::testing::Test {
 protected:
  void SetUp() override { FakeCgroupFs::mount(hierarchy_, kTop, "cpuset cpu io memory pids"); }

  Result<std::unique_ptr<V2Driver>> make(const std::string& root = kTop) {
    return V2Driver::create(std::make_unique<FakeCgroupFs>(hierarchy_),
                            {.mount = kTop, .root = root, .root_is_own = true}, "i1");
  }
  std::string content(const std::string& path) {
    return FakeCgroupFs(hierarchy_).read(path).value_or("(missing)");
  }

  FakeHierarchy hierarchy_;
};

TEST_F(V2DriverTest, WritesEveryLimit) {
  const auto driver = make();
  ASSERT_TRUE(driver) << driver.error().message;
  const auto group = (*driver)->create("j1", {.memory_bytes = 512 * limits::kMiB,
                                              .cpu_limit_milli = 2'000,
                                              .cpu_weight_milli = 1'500,
                                              .pids = 4'096});
  ASSERT_TRUE(group) << group.error().message;
  const std::string folder = "/cg/hearth-i1/j1/";
  EXPECT_EQ(content(folder + "memory.max"), "536870912");
  EXPECT_EQ(content(folder + "memory.swap.max"), "0");
  EXPECT_EQ(content(folder + "memory.oom.group"), "1");
  EXPECT_EQ(content(folder + "cpu.max"), "200000 100000");
  EXPECT_EQ(content(folder + "cpu.weight"), "150");
  EXPECT_EQ(content(folder + "pids.max"), "4096");
  EXPECT_EQ((*group)->join_paths(), std::vector<std::string>{folder + "cgroup.procs"});
  EXPECT_EQ((*group)->kill_paths(), std::vector<std::string>{folder + "cgroup.kill"});
}

TEST_F(V2DriverTest, KeepsExtremesWithinWhatKernelsTake) {
  const auto driver = make();
  ASSERT_TRUE(driver);
  ASSERT_TRUE((*driver)->create("tiny", {.cpu_limit_milli = 1, .cpu_weight_milli = 1}));
  EXPECT_EQ(content("/cg/hearth-i1/tiny/cpu.max"), "1000 100000");
  EXPECT_EQ(content("/cg/hearth-i1/tiny/cpu.weight"), "1");
  ASSERT_TRUE((*driver)->create("huge", {.cpu_weight_milli = limits::kCpuMilliMax}));
  EXPECT_EQ(content("/cg/hearth-i1/huge/cpu.weight"), "10000");
}

TEST_F(V2DriverTest, GoesWithoutSwapAccounting) {
  hierarchy_.has_swap = false;
  const auto driver = make();
  ASSERT_TRUE(driver);
  EXPECT_TRUE((*driver)->create("j1", {.memory_bytes = limits::kMiB}));
}

TEST_F(V2DriverTest, MovesItselfToALeafWhereItsGroupHoldsIt) {
  hierarchy_.groups[kTop]["cgroup.procs"] = "1000\n";
  ASSERT_TRUE(make());
  EXPECT_EQ(content("/cg/hearth-agent/cgroup.procs"), "1000\n");
  EXPECT_EQ(content("/cg/cgroup.subtree_control"), " cpu memory pids io\n");
}

TEST_F(V2DriverTest, CountsIoWhereItCanAndGoesWithoutWhereItCannot) {
  ASSERT_TRUE(make());
  EXPECT_EQ(content("/cg/cgroup.subtree_control"), " cpu memory pids io\n");
  FakeCgroupFs::mount(hierarchy_, kTop, "cpu memory pids");
  const auto without = make();
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_EQ(content("/cg/cgroup.subtree_control"), " cpu memory pids\n");
}

TEST_F(V2DriverTest, GoesFurtherUpWhereOthersShareItsGroup) {
  FakeCgroupFs fs(hierarchy_);
  hierarchy_.groups[kTop]["cgroup.subtree_control"] = "cpu memory pids\n";
  ASSERT_TRUE(make_all(fs, "/cg/user.slice"));
  hierarchy_.groups["/cg/user.slice"]["cgroup.subtree_control"] = "memory pids\n";
  ASSERT_TRUE(make_all(fs, "/cg/user.slice/session-1.scope"));
  hierarchy_.groups["/cg/user.slice/session-1.scope"]["cgroup.procs"] = "2000\n1000\n";
  const auto driver = make("/cg/user.slice/session-1.scope");
  ASSERT_TRUE(driver) << driver.error().message;
  ASSERT_TRUE((*driver)->create("j1", {.memory_bytes = limits::kMiB, .cpu_limit_milli = 1'000}));
  EXPECT_TRUE(fs.exists("/cg/user.slice/hearth-i1/j1"));
  EXPECT_EQ(content("/cg/user.slice/session-1.scope/cgroup.procs"), "2000\n1000\n");
  EXPECT_FALSE(fs.exists("/cg/user.slice/session-1.scope/hearth-agent"));
}

TEST_F(V2DriverTest, GoesBackWhenMovingDidNotHelp) {
  FakeCgroupFs fs(hierarchy_);
  hierarchy_.groups[kTop]["cgroup.subtree_control"] = "cpu memory pids\n";
  ASSERT_TRUE(make_all(fs, "/cg/shared"));
  hierarchy_.groups["/cg/shared"]["cgroup.procs"] = "1000\n2000\n";
  const auto driver = make("/cg/shared");
  ASSERT_TRUE(driver) << driver.error().message;
  EXPECT_EQ(content("/cg/shared/cgroup.procs"), "2000\n1000\n");
  EXPECT_FALSE(fs.exists("/cg/shared/hearth-agent"));
  EXPECT_TRUE(fs.exists("/cg/hearth-i1"));
}

TEST_F(V2DriverTest, StaysWhereTheOperatorSaid) {
  FakeCgroupFs fs(hierarchy_);
  hierarchy_.groups[kTop]["cgroup.subtree_control"] = "memory pids\n";
  ASSERT_TRUE(make_all(fs, "/cg/chosen"));
  const auto refused = V2Driver::create(
      std::make_unique<FakeCgroupFs>(hierarchy_),
      {.mount = kTop, .root = "/cg/chosen", .root_is_own = false, .is_fixed = true}, "i1");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("/cg/chosen does not offer the cpu controller"),
            std::string::npos);
}

TEST_F(V2DriverTest, DoesNotMoveWhenControllersAreEnabledAlready) {
  hierarchy_.groups[kTop]["cgroup.subtree_control"] = "cpu memory pids io\n";
  ASSERT_TRUE(make());
  EXPECT_FALSE(FakeCgroupFs(hierarchy_).exists("/cg/hearth-agent"));
}

TEST_F(V2DriverTest, SaysWhichControllerIsMissing) {
  FakeCgroupFs::mount(hierarchy_, kTop, "cpu pids");
  const auto refused = make();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unimplemented);
  EXPECT_NE(refused.error().message.find("memory controller"), std::string::npos);
}

TEST_F(V2DriverTest, AMissingRightNamesBothRemedies) {
  hierarchy_.write_errors["cgroup.subtree_control"] = EACCES;
  const auto refused = make();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::PermissionDenied);
  EXPECT_NE(refused.error().message.find("Delegate=yes"), std::string::npos);
  EXPECT_NE(refused.error().message.find("as root"), std::string::npos);
}

TEST_F(V2DriverTest, AnOldKernelIsNamed) {
  hierarchy_.has_kill = false;
  EXPECT_EQ(make().error().code, ErrorCode::Unimplemented);
}

TEST_F(V2DriverTest, ARefusedLimitLeavesNoGroupBehind) {
  const auto driver = make();
  ASSERT_TRUE(driver);
  hierarchy_.write_errors["pids.max"] = EINVAL;
  const auto refused = (*driver)->create("j1", {.memory_bytes = limits::kMiB, .pids = 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  EXPECT_FALSE(FakeCgroupFs(hierarchy_).exists("/cg/hearth-i1/j1"));
}

TEST_F(V2DriverTest, ReadsUsageAndLeavesUnknownFiguresOut) {
  const auto driver = make();
  ASSERT_TRUE(driver);
  const auto group = (*driver)->create("j1", {.memory_bytes = limits::kMiB});
  ASSERT_TRUE(group);
  auto& files = hierarchy_.groups["/cg/hearth-i1/j1"];
  files["cpu.stat"] = "usage_usec 1234567\nuser_usec 1\n";
  files["memory.events"] = "low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 1\n";
  files["memory.current"] = "4096\n";
  files["pids.current"] = "2\n";
  const auto usage = (*group)->usage();
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->cpu_ms, 1'234);
  EXPECT_EQ(usage->oom_kills, 3);
  EXPECT_EQ(usage->memory_bytes, 4'096);
  EXPECT_EQ(usage->pids, 2);
  EXPECT_EQ(usage->memory_peak_bytes, std::nullopt) << "this kernel has no memory.peak";
}

TEST_F(V2DriverTest, ItsFolderGoesWithItWhenEmpty) {
  {
    const auto driver = make();
    ASSERT_TRUE(driver);
    EXPECT_TRUE(FakeCgroupFs(hierarchy_).exists("/cg/hearth-i1"));
  }
  EXPECT_FALSE(FakeCgroupFs(hierarchy_).exists("/cg/hearth-i1"));
}

TEST_F(V2DriverTest, SweepFindsWhatAPredecessorLeftElsewhere) {
  FakeCgroupFs fs(hierarchy_);
  ASSERT_TRUE(make_all(fs, "/cg/user/session-3/hearth-i1/j9"));
  ASSERT_TRUE(make_all(fs, "/cg/user/session-3/hearth-i2/j9"));
  const auto driver = make();
  ASSERT_TRUE(driver);
  EXPECT_EQ((*driver)->sweep().value_or(-1), 1);
  EXPECT_FALSE(fs.exists("/cg/user/session-3/hearth-i1"));
  EXPECT_TRUE(fs.exists("/cg/user/session-3/hearth-i2/j9"));
}

}  // namespace
}  // namespace hearth::agent
