#include "agent/link/machine_usage.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/link/reconnect_delay.h"

namespace hearth::agent {
namespace {

class MachineUsageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = (std::filesystem::temp_directory_path() / "hearth-usage-XXXXXX").string();
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(root_ + "/" + name) << text;
  }

  std::string root_;
};

TEST_F(MachineUsageTest, CountsBusyTimeOfAllCoresSinceTheLastRead) {
  ProcMachineUsage usage(root_);
  write("meminfo", "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable:    400 kB\n");
  write("stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1\ncpu1 1\nintr 5\n");
  AgentUsage first = usage.read();
  EXPECT_FALSE(first.cpu_percent.has_value());
  EXPECT_EQ(first.memory_bytes, 600 * 1024);
  write("stat", "cpu  150 0 100 820 10 10 10 0 0 0\ncpu0 1\ncpu1 1\nintr 5\n");
  const AgentUsage second = usage.read();
  ASSERT_TRUE(second.cpu_percent.has_value());
  EXPECT_DOUBLE_EQ(*second.cpu_percent, 140.0);  // 70 of 100 ticks, two cores
}

TEST_F(MachineUsageTest, SaysUnknownForWhatCannotBeRead) {
  ProcMachineUsage usage(root_);
  write("stat", "cpu garbage\ncpu0 1\n");
  const AgentUsage read = usage.read();
  EXPECT_FALSE(read.cpu_percent.has_value());
  EXPECT_FALSE(read.memory_bytes.has_value());
}

TEST(ReconnectDelayTest, DoublesWithinItsBoundAndReplaysFromItsSeed) {
  ReconnectDelay delay(Duration(100), Duration(300), 7);
  ReconnectDelay again(Duration(100), Duration(300), 7);
  std::int64_t bound = 100;
  for (int i = 0; i < 10; ++i) {
    const Duration wait = delay.next();
    EXPECT_EQ(wait, again.next());
    EXPECT_GE(wait.count(), bound / 2);
    EXPECT_LE(wait.count(), bound);
    bound = std::min<std::int64_t>(300, bound * 2);
  }
  delay.reset();
  EXPECT_LE(delay.next().count(), 100);
}

}  // namespace
}  // namespace hearth::agent
