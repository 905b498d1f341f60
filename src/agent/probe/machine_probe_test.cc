#include "agent/probe/machine_probe.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/probe/testing/fake_groups.h"
#include "base/limits.h"
#include "base/testing/manual_clock.h"

namespace hearth::agent {
namespace {

class MachineProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = files_.proc_root().substr(0, files_.proc_root().rfind('/'));
    files_.put("proc/stat", "cpu  100 0 0 900 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n");
    files_.put("proc/meminfo", "MemTotal: 8192 kB\nMemAvailable: 6144 kB\n");
    files_.put("proc/loadavg", "1.00 2.00 3.00 1/2 3\n");
    files_.put("proc/net/dev", "a\nb\n lo: 5 0 0 0 0 0 0 0 5\n eth0: 100 0 0 0 0 0 0 0 1000\n");
    put_disk(1'000, 2'000);
  }
  void put_disk(int read_sectors, int written_sectors) {
    struct stat status {};
    ASSERT_EQ(stat(root_.c_str(), &status), 0);
    files_.put("proc/diskstats", std::to_string(major(status.st_dev)) + " " +
                                     std::to_string(minor(status.st_dev)) + " disk 1 0 " +
                                     std::to_string(read_sectors) + " 0 1 0 " +
                                     std::to_string(written_sectors) + " 0\n");
  }
  MachineProbeOptions options() { return {.root = root_, .data_dir = root_, .cpu_milli = {}}; }

  hearth::testing::ManualClock clock_;
  FakeGroups files_;
  std::string root_;
};

TEST_F(MachineProbeTest, ShowsTheMachine) {
  MachineProbe probe(clock_, options());
  files_.put("proc/stat", "cpu  250 0 0 1150 0 0 0 0 0 0\ncpu0 1\ncpu1 1\n");
  files_.put("proc/net/dev", "a\nb\n lo: 9 0 0 0 0 0 0 0 9\n eth0: 300 0 0 0 0 0 0 0 5000\n");
  put_disk(1'100, 2'400);
  clock_.advance(std::chrono::seconds(2));
  const MachineSample seen = probe.read();
  EXPECT_EQ(seen.cpu_percent, 75) << "150 of 400 ticks of two cores";
  EXPECT_EQ(seen.cpu_milli, 2'000);
  EXPECT_EQ(seen.load_1m, 1);
  EXPECT_EQ(seen.load_15m, 3);
  EXPECT_EQ(seen.memory_total_bytes, 8 * limits::kMiB);
  EXPECT_EQ(seen.memory_available_bytes, 6 * limits::kMiB);
  EXPECT_EQ(seen.memory_used_bytes, 2 * limits::kMiB);
  EXPECT_EQ(seen.net_rx_bytes_per_sec, 100);
  EXPECT_EQ(seen.net_tx_bytes_per_sec, 2'000);
  EXPECT_EQ(seen.disk_read_bytes_per_sec, 100 * 512 / 2);
  EXPECT_EQ(seen.disk_write_bytes_per_sec, 400 * 512 / 2);
  EXPECT_GT(seen.disk_total_bytes, 0);
  EXPECT_EQ(seen.pressure, PressureSample{}) << "this kernel has none";
  EXPECT_EQ(probe.read().cpu_percent, 75) << "too soon to say anything new";
}

TEST_F(MachineProbeTest, TheAgentsOwnGroupBoundsWhatThereIs) {
  files_.put("proc/self/mountinfo", "30 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n");
  files_.put("proc/self/cgroup", "0::/tight/agent\n");
  files_.put("cg/tight/memory.max", "4194304\n");
  files_.put("cg/tight/memory.current", "3145728\n");
  files_.put("cg/tight/memory.stat", "anon 1\nfile 2\ninactive_file 1048576\n");
  files_.put("cg/tight/agent/memory.max", "max\n");
  MachineProbeOptions bounded = options();
  bounded.cpu_milli = 1'500;
  const MachineSample seen = MachineProbe(clock_, bounded).read();
  EXPECT_EQ(seen.cpu_milli, 1'500);
  EXPECT_EQ(seen.memory_total_bytes, 4 * limits::kMiB);
  EXPECT_EQ(seen.memory_used_bytes, 2 * limits::kMiB) << "without what can go at once";
  EXPECT_EQ(seen.memory_available_bytes, 2 * limits::kMiB);
  files_.remove("cg/tight/memory.current");
  EXPECT_EQ(MachineProbe(clock_, bounded).read().memory_used_bytes, std::nullopt);
}

TEST_F(MachineProbeTest, WhatCannotBeReadIsUnknown) {
  MachineProbe probe(clock_, {.root = "/nonexistent", .data_dir = "", .cpu_milli = {}});
  EXPECT_EQ(probe.read(), MachineSample{});
}

TEST_F(MachineProbeTest, ThisMachineHasMemoryAndADisk) {
  SystemClock clock;
  MachineProbe probe(clock, {.root = "", .data_dir = root_, .cpu_milli = {}});
  const MachineSample seen = probe.read();
  EXPECT_GT(seen.memory_total_bytes, 0);
  EXPECT_LE(seen.memory_used_bytes, seen.memory_total_bytes);
  EXPECT_GE(seen.cpu_milli, 1'000);
  EXPECT_GE(seen.load_1m, 0);
}

}  // namespace
}  // namespace hearth::agent
