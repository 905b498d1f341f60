#include "agent/probe/machine_parse.h"

#include <gtest/gtest.h>

namespace hearth::agent {
namespace {

TEST(MachineParseTest, CpuOfAllCores) {
  EXPECT_EQ(parse_machine_cpu("cpu  100 0 50 800 40 5 5 0 30 0\ncpu0 1 1 1\ncpu1 1 1 1\nintr 5\n"),
            (CpuTicks{.busy = 160, .total = 1'000, .cpus = 2}));
  EXPECT_EQ(parse_machine_cpu("cpu  100 0 50\ncpu0 1\n"), std::nullopt);
  EXPECT_EQ(parse_machine_cpu("intr 5\n"), std::nullopt);
  EXPECT_EQ(parse_machine_cpu(""), std::nullopt);
}

TEST(MachineParseTest, LoadAndMemory) {
  const auto load = parse_load("0.50 1.25 2.00 1/234 5678\n");
  ASSERT_TRUE(load);
  EXPECT_EQ((*load)[1], 1.25);
  EXPECT_EQ(parse_load("0.50 x\n"), std::nullopt);
  EXPECT_EQ(parse_meminfo("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n"),
            (MachineMemory{.total_bytes = 1'024'000, .available_bytes = 409'600}));
  EXPECT_EQ(parse_meminfo("MemTotal: 1000 kB\n"), std::nullopt);
  EXPECT_EQ(parse_meminfo("MemTotal: 1000 kB\nMemAvailable: 2000 kB\n"), std::nullopt);
}

TEST(MachineParseTest, TheDiskThatWasAskedFor) {
  constexpr std::string_view kDisks =
      "   7       0 loop0 1 0 999 0 0 0 999 0 0 0 0\n"
      " 254       0 vda 100 5 2000 10 200 6 4000 20 0 30 40\n"
      " 254       1 vda1 1 0 8 0 1 0 16 0 0 0 0\n";
  EXPECT_EQ(parse_diskstats(kDisks, 254, 0), (IoBytes{.read = 1'024'000, .written = 2'048'000}));
  EXPECT_EQ(parse_diskstats(kDisks, 254, 1), (IoBytes{.read = 4'096, .written = 8'192}));
  EXPECT_EQ(parse_diskstats(kDisks, 254, 2), std::nullopt);
  EXPECT_EQ(parse_diskstats(" 254 0 vda 1 2\n", 254, 0), std::nullopt);
}

TEST(MachineParseTest, NetworkWithoutTheLoopback) {
  constexpr std::string_view kNet =
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
      "    lo:  999999     1    0    0    0     0          0         0   999999       1    0\n"
      "  eth0:    1000    10    0    0    0     0          0         0     2000      20    0\n"
      "eth0:1:       1     1    0    0    0     0          0         0        2       1    0\n";
  EXPECT_EQ(parse_net_dev(kNet), (NetBytes{.received = 1'001, .sent = 2'002}));
  EXPECT_EQ(parse_net_dev(""), std::nullopt);
  EXPECT_EQ(parse_net_dev("a\nb\neth0: x\n"), std::nullopt);
}

TEST(MachineParseTest, TheDeviceBelowAFileSystem) {
  constexpr std::string_view kMounts =
      "22 1 0:20 / /proc rw - proc proc rw\n"
      "30 1 0:45 /@home /home rw,relatime shared:1 - btrfs /dev/nvme0n1p2 rw,space_cache\n";
  EXPECT_EQ(mount_source(kMounts, 0, 45), "/dev/nvme0n1p2");
  EXPECT_EQ(mount_source(kMounts, 0, 20), std::nullopt) << "no device";
  EXPECT_EQ(mount_source(kMounts, 0, 4), std::nullopt);
}

}  // namespace
}  // namespace hearth::agent
