#include "agent/host/data_dir.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/host/capacity.h"

namespace hearth::agent {
namespace {

class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = (std::filesystem::temp_directory_path() / "hearth-agent-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  std::string folder_;
};

using DataDirTest = FolderTest;

TEST_F(DataDirTest, KeepsItsInstanceAcrossRestarts) {
  std::string instance;
  {
    auto opened = DataDir::open(folder_ + "/a/b");
    ASSERT_TRUE(opened) << opened.error().message;
    instance = opened->instance();
    EXPECT_EQ(instance.size(), 16U);
  }
  EXPECT_EQ(DataDir::open(folder_ + "/a/b")->instance(), instance);
  EXPECT_NE(DataDir::open(folder_ + "/other")->instance(), instance);
}

TEST_F(DataDirTest, IsForOneProcessAtATime) {
  const auto first = DataDir::open(folder_);
  ASSERT_TRUE(first);
  const auto second = DataDir::open(folder_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::FailedPrecondition);
  EXPECT_NE(second.error().message.find(folder_), std::string::npos);
}

TEST_F(DataDirTest, RemovesWhatAnEarlierAgentLeft) {
  write("attempts/old/deep/file", "x");
  write("spool/old.stdout", "x");
  write("mine", "x");
  auto opened = DataDir::open(folder_);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(opened->remove_leftovers());
  EXPECT_TRUE(std::filesystem::is_empty(opened->attempts()));
  EXPECT_TRUE(std::filesystem::is_empty(opened->spool()));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/mine"));
}

TEST_F(DataDirTest, SaysWhatIsWrongWithIt) {
  EXPECT_EQ(DataDir::open("").error().code, ErrorCode::InvalidArgument);
  write("instance", "no valid id!\n");
  const auto opened = DataDir::open(folder_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::DataLoss);
  EXPECT_NE(opened.error().message.find(folder_ + "/instance"), std::string::npos);
  write("file", "");
  EXPECT_FALSE(DataDir::open(folder_ + "/file"));
}

constexpr std::int64_t kGiB = limits::kGiB;

TEST(CapacityTest, IsTheSmallerOfHostAndOwnGroupLessTheReserve) {
  const auto capacity = decide_capacity({.cpu_milli = 8'000, .memory_bytes = 16 * kGiB},
                                        {.cpu_milli = 2'500, .memory_bytes = 4 * kGiB}, {});
  ASSERT_TRUE(capacity);
  EXPECT_EQ(capacity->cpu_milli, 2'500);
  EXPECT_EQ(capacity->memory_bytes, 4 * kGiB - limits::kReserveMemoryBytes);
  const auto tiny =
      decide_capacity({.cpu_milli = 1'000, .memory_bytes = 100 * limits::kMiB}, {}, {});
  EXPECT_EQ(tiny->memory_bytes, 50 * limits::kMiB);
}

TEST(CapacityTest, TakesTheOperatorsWordAsItIs) {
  const auto capacity = decide_capacity(
      {.cpu_milli = 1'000, .memory_bytes = kGiB}, {},
      {.cpu_milli = 64'000, .memory_bytes = 9 * kGiB, .gpus = 2, .named = {{"licence", 3}}});
  ASSERT_TRUE(capacity);
  EXPECT_EQ(capacity->cpu_milli, 64'000);
  EXPECT_EQ(capacity->memory_bytes, 9 * kGiB);
  EXPECT_EQ(capacity->gpus, 2);
  EXPECT_EQ(capacity->named_amount("licence"), 3);
}

TEST(CapacityTest, RefusesWhatMakesNoSense) {
  const MachineLimits host{.cpu_milli = 1'000, .memory_bytes = kGiB};
  EXPECT_EQ(decide_capacity(host, {}, {.cpu_milli = 0}).error().field, "cpu");
  EXPECT_EQ(decide_capacity(host, {}, {.cpu_milli = limits::kCpuMilliMax + 1}).error().field,
            "cpu");
  EXPECT_EQ(decide_capacity(host, {}, {.memory_bytes = -1}).error().field, "memory");
  EXPECT_EQ(decide_capacity(host, {}, {.gpus = -1}).error().field, "gpus");
  EXPECT_EQ(decide_capacity(host, {}, {.named = {{"x", 0}}}).error().field, "resources");
  EXPECT_EQ(decide_capacity({}, {}, {}).error().field, "cpu");
}

using OwnCgroupLimitsTest = FolderTest;

TEST_F(OwnCgroupLimitsTest, FindsTheTightestOfAllGroupsAbove) {
  write("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  write("sys/fs/cgroup/a/memory.max", "1000\n");
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/a/b/memory.max", "2000\n");
  const MachineLimits found = own_cgroup_limits(folder_);
  EXPECT_EQ(found.cpu_milli, 1'500);
  EXPECT_EQ(found.memory_bytes, 1'000);
}

TEST_F(OwnCgroupLimitsTest, ReadsV1AndKnowsItsWayToSayUnlimited) {
  write("proc/self/mountinfo",
        "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  write("proc/self/cgroup", "4:cpu,cpuacct:/x\n5:memory:/\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "50000\n");
  write("sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const MachineLimits found = own_cgroup_limits(folder_);
  EXPECT_EQ(found.cpu_milli, 500);
  EXPECT_FALSE(found.memory_bytes.has_value());
}

TEST_F(OwnCgroupLimitsTest, KnowsNothingWhereThereIsNothing) {
  EXPECT_FALSE(own_cgroup_limits(folder_).cpu_milli.has_value());
  EXPECT_GT(host_limits().cpu_milli.value_or(0), 0);
  EXPECT_GT(host_limits().memory_bytes.value_or(0), 0);
}

}  // namespace
}  // namespace hearth::agent
