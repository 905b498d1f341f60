#include "agent/probe/cgroup_parse.h"

#include <gtest/gtest.h>

#include <string>

#include "agent/probe/text.h"

namespace hearth::agent {
namespace {

TEST(TextTest, OnlyWholeLinesAreGivenOut) {
  std::string_view text = "a 1\nb 2";
  EXPECT_EQ(take_line(text), "a 1");
  EXPECT_EQ(take_line(text), std::nullopt) << "the number may have been cut";
  EXPECT_EQ(take_line(text), std::nullopt);
}

TEST(TextTest, CountsAreWholeAndNotNegative) {
  EXPECT_EQ(to_count("0"), 0);
  EXPECT_EQ(to_count("9223372036854775807"), INT64_MAX);
  for (const char* const bad : {"", "max", "-1", "9223372036854775808", "18446744073709551615",
                                "1x", " 1", "0x10", "1.5"}) {
    EXPECT_EQ(to_count(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_count_file("4096\n"), 4096);
  EXPECT_EQ(parse_count_file("4096"), std::nullopt) << "cut off";
  EXPECT_EQ(parse_count_file("1\n2\n"), std::nullopt);
}

TEST(TextTest, DecimalsAreFinite) {
  EXPECT_EQ(to_decimal("12.5"), 12.5);
  for (const char* const bad : {"", "nan", "inf", "-1.0", "1e400", "1.0x"}) {
    EXPECT_EQ(to_decimal(bad), std::nullopt) << bad;
  }
}

TEST(TextTest, SumsStayAtTheirEnd) {
  EXPECT_EQ(add_capped(INT64_MAX, 1), INT64_MAX);
  EXPECT_EQ(multiply_capped(INT64_MAX / 2, 3), INT64_MAX);
  EXPECT_EQ(add_capped(2, 3), 5);
}

constexpr std::string_view kCpuStat =
    "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 4\n"
    "throttled_usec 300000\n";

TEST(CgroupParseTest, CpuStatOfBothKinds) {
  const CpuStat v2 = parse_cpu_stat(kCpuStat);
  EXPECT_EQ(v2.usage_us, 2'500'000);
  EXPECT_EQ(v2.periods, 10);
  EXPECT_EQ(v2.throttled_periods, 4);
  const CpuStat v1 = parse_cpu_stat("nr_periods 21\nnr_throttled 20\nthrottled_time 99\n");
  EXPECT_EQ(v1, (CpuStat{.usage_us = {}, .periods = 21, .throttled_periods = 20}));
  EXPECT_EQ(parse_cpu_stat("usage_usec 99999999999999999999\n").usage_us, std::nullopt);
  EXPECT_EQ(parse_cpu_stat("usage_usec_other 1\nusage_usec\n").usage_us, std::nullopt);
  EXPECT_EQ(parse_cpu_stat(""), CpuStat{});
}

// A number that was cut off is another number.
TEST(CgroupParseTest, NoTruncationMakesUpAFigure) {
  const CpuStat whole = parse_cpu_stat(kCpuStat);
  for (std::size_t size = 0; size < kCpuStat.size(); ++size) {
    const CpuStat part = parse_cpu_stat(kCpuStat.substr(0, size));
    EXPECT_TRUE(!part.usage_us || part.usage_us == whole.usage_us) << size;
    EXPECT_TRUE(!part.periods || part.periods == whole.periods) << size;
  }
}

TEST(CgroupParseTest, MemoryStatOfBothKinds) {
  const MemoryStat v2 =
      parse_memory_stat_v2("anon 100\nfile 200\nkernel 1\ninactive_file 50\nactive_file 150\n");
  EXPECT_EQ(v2, (MemoryStat{.anon_bytes = 100, .file_bytes = 200, .inactive_file_bytes = 50}));
  const MemoryStat v1 = parse_memory_stat_v1(
      "cache 1\nrss 2\ninactive_file 3\ntotal_cache 30\ntotal_rss 40\ntotal_inactive_file 9\n");
  EXPECT_EQ(v1, (MemoryStat{.anon_bytes = 40, .file_bytes = 30, .inactive_file_bytes = 9}));
}

TEST(CgroupParseTest, IoIsTheSumOverDevices) {
  EXPECT_EQ(parse_io_stat("8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=0 dios=0\n"
                          "253:0\n8:16 rbytes=1 wbytes=2 rios=0 wios=0 dbytes=0 dios=0\n"),
            (IoBytes{.read = 11, .written = 22}));
  EXPECT_EQ(parse_io_stat(""), IoBytes{}) << "it has done none";
  EXPECT_EQ(parse_io_stat("8:0 rbytes=10 wbytes=x\n"), std::nullopt);
  EXPECT_EQ(parse_io_stat("8:0 rbytes=10 wbytes=2"), std::nullopt) << "cut off";
  EXPECT_EQ(parse_blkio_service("8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 1\n8:0 Total 12288\n"
                                "8:16 Read 1\nTotal 12289\n"),
            (IoBytes{.read = 4097, .written = 8192}));
  EXPECT_EQ(parse_blkio_service("Total 0\n"), IoBytes{});
  EXPECT_EQ(parse_blkio_service("8:0 Read 99999999999999999999\n"), std::nullopt);
}

TEST(CgroupParseTest, OomKillsAreNotOoms) {
  EXPECT_EQ(parse_oom_kills("low 0\nhigh 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 1\n"), 3);
  EXPECT_EQ(parse_oom_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), 1);
  EXPECT_EQ(parse_oom_kills("oom_kill_disable 1\n"), std::nullopt);
}

TEST(CgroupParseTest, PressureIsThatOfSome) {
  EXPECT_EQ(parse_pressure("some avg10=1.50 avg60=0.10 avg300=0.00 total=12345\n"
                           "full avg10=9.00 avg60=0.00 avg300=0.00 total=1\n"),
            (Pressure{.average = 1.5, .total_us = 12'345}));
  EXPECT_EQ(parse_pressure("full avg10=9.00 avg60=0.00 avg300=0.00 total=1\n"), std::nullopt);
  EXPECT_EQ(parse_pressure("some avg10=nan avg60=0 avg300=0 total=1\n"), std::nullopt);
  EXPECT_EQ(parse_pressure(""), std::nullopt);
}

TEST(CgroupParseTest, PidsWithoutRubbish) {
  std::vector<pid_t> pids;
  parse_pids("12\n0\nx\n99999999999\n7\n34", pids);
  EXPECT_EQ(pids, (std::vector<pid_t>{12, 7}));
}

}  // namespace
}  // namespace hearth::agent
