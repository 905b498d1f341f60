#include "agent/probe/cgroup_reader.h"

#include <gtest/gtest.h>

#include "agent/probe/collector.h"
#include "agent/probe/testing/fake_groups.h"
#include "base/testing/manual_clock.h"

namespace hearth::agent {
namespace {

constexpr int kPid = 4'711;

class CgroupReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    groups_.put("proc/uptime", "100.00 1.00\n");
    collector_ = std::make_unique<Collector>(
        Collector::Deps{.clock = clock_},
        Collector::Options{.proc_root = groups_.proc_root(), .files_kept_max = 64, .machine = {}});
  }

  void put_v2() {
    groups_.put("cpu.stat", "usage_usec 1000000\nnr_periods 10\nnr_throttled 1\n");
    groups_.put("memory.current", "3000\n");
    groups_.put("memory.peak", "5000\n");
    groups_.put("memory.stat", "anon 1000\nfile 2000\n");
    groups_.put("memory.events", "oom 1\noom_kill 2\n");
    groups_.put("io.stat", "8:0 rbytes=1000 wbytes=5000\n");
    groups_.put("pids.current", "7\n");
    groups_.put("cgroup.procs", "4711\n");
    groups_.put("cpu.pressure", "some avg10=12.50 avg60=0 avg300=0 total=100\n");
    groups_.put("memory.pressure", "some avg10=0.00 avg60=0 avg300=0 total=0\n");
  }
  void add(const GroupFolders& folders) {
    collector_->add({.id = "w", .folders = folders, .leader = kPid});
  }
  WorkerSample sample() {
    auto readings = collector_->collect();
    EXPECT_EQ(readings.size(), 1U);
    EXPECT_EQ(readings.front().problem, "");
    return readings.front().sample;
  }

  hearth::testing::ManualClock clock_;
  FakeGroups groups_;
  std::unique_ptr<Collector> collector_;
};

TEST_F(CgroupReaderTest, V2ShowsEveryFigure) {
  put_v2();
  groups_.put_process(kPid, "cmdline", std::string("llama\0-m\0tiny\0", 14));
  groups_.put_process(kPid, "stat",
                      "4711 (a b) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " +
                          std::to_string(90 * sysconf(_SC_CLK_TCK)) + " 1\n");
  add(groups_.v2());
  groups_.put("cpu.stat", "usage_usec 4000000\nnr_periods 30\nnr_throttled 6\n");
  groups_.put("io.stat", "8:0 rbytes=3000 wbytes=5000\n8:16 rbytes=0 wbytes=8000\n");
  clock_.advance(std::chrono::seconds(2));
  const WorkerSample seen = sample();
  EXPECT_EQ(seen.pid, kPid);
  EXPECT_EQ(seen.uptime, std::chrono::seconds(10));
  EXPECT_EQ(seen.cpu_percent, 150);
  EXPECT_EQ(seen.cpu_ms, 4'000);
  EXPECT_EQ(seen.throttled_percent, 25);
  EXPECT_EQ(seen.memory_bytes, 3'000);
  EXPECT_EQ(seen.memory_peak_bytes, 5'000);
  EXPECT_EQ(seen.memory_anon_bytes, 1'000);
  EXPECT_EQ(seen.memory_file_bytes, 2'000);
  EXPECT_EQ(seen.oom_kills, 2);
  EXPECT_EQ(seen.io_read_bytes_per_sec, 1'000);
  EXPECT_EQ(seen.io_write_bytes_per_sec, 4'000);
  EXPECT_EQ(seen.pids, 7);
  EXPECT_EQ(seen.pressure, (PressureSample{.cpu = 12.5, .memory = 0, .io = {}}));
  EXPECT_EQ(seen.model, "tiny");
  EXPECT_TRUE(seen.gpus.empty());
}

TEST_F(CgroupReaderTest, V1ShowsWhatV1Counts) {
  groups_.put("cpuacct/cpuacct.usage", "1000000000\n");
  groups_.put("cpu/cpu.stat", "nr_periods 10\nnr_throttled 1\nthrottled_time 5\n");
  groups_.put("memory/memory.usage_in_bytes", "3000\n");
  groups_.put("memory/memory.max_usage_in_bytes", "5000\n");
  groups_.put("memory/memory.stat", "cache 1\nrss 2\ntotal_cache 2000\ntotal_rss 1000\n");
  groups_.put("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
  groups_.put("pids/pids.current", "3\n");
  groups_.put("freezer/cgroup.procs", "4711\n");
  const std::string service = "blkio/blkio.throttle.io_service_bytes_recursive";
  groups_.put(service, "8:0 Read 100\n8:0 Write 200\n8:0 Total 300\nTotal 300\n");
  add(groups_.v1());
  groups_.put("cpuacct/cpuacct.usage", "1500000000\n");
  groups_.put("cpu/cpu.stat", "nr_periods 20\nnr_throttled 11\nthrottled_time 5\n");
  groups_.put(service, "8:0 Read 100\n8:0 Write 2200\n8:0 Total 2300\nTotal 2300\n");
  clock_.advance(std::chrono::seconds(1));
  const WorkerSample seen = sample();
  EXPECT_EQ(seen.cpu_percent, 50);
  EXPECT_EQ(seen.throttled_percent, 100);
  EXPECT_EQ(seen.memory_bytes, 3'000);
  EXPECT_EQ(seen.memory_peak_bytes, 5'000);
  EXPECT_EQ(seen.memory_anon_bytes, 1'000);
  EXPECT_EQ(seen.memory_file_bytes, 2'000);
  EXPECT_EQ(seen.oom_kills, 1);
  EXPECT_EQ(seen.pids, 3);
  EXPECT_EQ(seen.io_read_bytes_per_sec, 0);
  EXPECT_EQ(seen.io_write_bytes_per_sec, 2'000);
  EXPECT_EQ(seen.pressure, PressureSample{}) << "v1 has none";
}

TEST_F(CgroupReaderTest, WithoutIoAccountingTheProcessesOwnFiguresCount) {
  put_v2();
  groups_.remove("io.stat");
  groups_.put("cgroup.procs", "4711\n4712\n");
  groups_.put_process(kPid, "io", "read_bytes: 1000\nwrite_bytes: 0\n");
  groups_.put_process(kPid + 1, "io", "read_bytes: 0\nwrite_bytes: 500\n");
  add(groups_.v2());
  // The second has ended and was waited for by the first.
  groups_.put("cgroup.procs", "4711\n");
  groups_.put_process(kPid, "io", "read_bytes: 3000\nwrite_bytes: 900\n");
  groups_.put("cpu.stat", "usage_usec 1000500\n");
  clock_.advance(std::chrono::seconds(1));
  const WorkerSample seen = sample();
  EXPECT_EQ(seen.io_read_bytes_per_sec, 2'000);
  EXPECT_EQ(seen.io_write_bytes_per_sec, 400);
}

TEST_F(CgroupReaderTest, MissingAndGarbledFilesAreUnknownFigures) {
  put_v2();
  groups_.remove("memory.peak");
  groups_.remove("pids.current");
  groups_.put("memory.events", "garbage");
  groups_.put("memory.stat", "anon 99999999999999999999\nfile -1\n");
  add(groups_.v2());
  clock_.advance(std::chrono::seconds(1));
  const WorkerSample seen = sample();
  EXPECT_EQ(seen.memory_bytes, 3'000);
  EXPECT_EQ(seen.memory_peak_bytes, std::nullopt);
  EXPECT_EQ(seen.memory_anon_bytes, std::nullopt);
  EXPECT_EQ(seen.memory_file_bytes, std::nullopt);
  EXPECT_EQ(seen.oom_kills, std::nullopt);
  EXPECT_EQ(seen.pids, std::nullopt);
  EXPECT_EQ(seen.cpu_percent, 0);
}

TEST_F(CgroupReaderTest, ACounterThatGoesBackGivesNoFigure) {
  put_v2();
  add(groups_.v2());
  groups_.put("cpu.stat", "usage_usec 10\nnr_periods 1\nnr_throttled 0\n");
  groups_.put("io.stat", "8:0 rbytes=0 wbytes=0\n");
  clock_.advance(std::chrono::seconds(1));
  const WorkerSample seen = sample();
  EXPECT_EQ(seen.cpu_percent, std::nullopt);
  EXPECT_EQ(seen.throttled_percent, std::nullopt);
  EXPECT_EQ(seen.io_read_bytes_per_sec, std::nullopt);
}

// The folders of a hybrid group serve one job after another.
TEST_F(CgroupReaderTest, AnEarlierGroupsCpuAndPressureAreNotThisOnes) {
  groups_.put("unified/cpu.stat", "usage_usec 9000000\n");
  groups_.put("unified/cgroup.procs", "4711\n");
  groups_.put("unified/cpu.pressure", "some avg10=88.00 avg60=0 avg300=0 total=5000000\n");
  GroupFolders folders = groups_.hybrid();
  folders.cpu_us_before = 9'000'000;
  add(folders);
  groups_.put("unified/cpu.stat", "usage_usec 9250000\n");
  groups_.put("unified/cpu.pressure", "some avg10=80.00 avg60=0 avg300=0 total=5100000\n");
  clock_.advance(std::chrono::seconds(1));
  WorkerSample seen = sample();
  EXPECT_EQ(seen.cpu_ms, 250);
  EXPECT_EQ(seen.cpu_percent, 25);
  EXPECT_EQ(seen.pressure.cpu, 10) << "the growth of the total";
  clock_.advance(std::chrono::seconds(30));
  EXPECT_EQ(sample().pressure.cpu, 80) << "by now the average is this group's";
}

TEST_F(CgroupReaderTest, WhatOnlyItsProcessesChangeIsReadSeldomWhileTheyDoNotRun) {
  put_v2();
  add(groups_.v2());
  groups_.put("memory.stat", "anon 1500\nfile 1500\n");
  groups_.put("pids.current", "8\n");
  clock_.advance(std::chrono::seconds(1));
  WorkerSample seen = sample();
  EXPECT_EQ(seen.memory_anon_bytes, 1'000);
  EXPECT_EQ(seen.pids, 7);
  EXPECT_EQ(seen.oom_kills, 2);
  EXPECT_EQ(seen.memory_peak_bytes, 5'000);
  // Without a reason, lest a figure be wrong for ever.
  clock_.advance(std::chrono::seconds(9));
  EXPECT_EQ(sample().memory_anon_bytes, 1'500);
}

TEST_F(CgroupReaderTest, AWorkerThatRanOrLostMemoryIsReadWhole) {
  put_v2();
  add(groups_.v2());
  groups_.put("memory.stat", "anon 1500\nfile 1500\n");
  groups_.put("pids.current", "8\n");
  groups_.put("cpu.stat", "usage_usec 1000001\nnr_periods 10\nnr_throttled 1\n");
  clock_.advance(std::chrono::seconds(1));
  WorkerSample seen = sample();
  EXPECT_EQ(seen.memory_anon_bytes, 1'500);
  EXPECT_EQ(seen.pids, 8);
  groups_.put("memory.current", "2000\n");
  groups_.put("memory.stat", "anon 1500\nfile 500\n");
  clock_.advance(std::chrono::seconds(1));
  seen = sample();
  EXPECT_EQ(seen.memory_bytes, 2'000);
  EXPECT_EQ(seen.memory_file_bytes, 500);
}

// The kernel has nothing new earlier.
TEST_F(CgroupReaderTest, PressureIsReadEachTwoSeconds) {
  put_v2();
  add(groups_.v2());
  groups_.put("cpu.pressure", "some avg10=50.00 avg60=0 avg300=0 total=100\n");
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(sample().pressure.cpu, 12.5);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(sample().pressure.cpu, 50);
}

TEST_F(CgroupReaderTest, AGroupThatIsRemovedEndsItsReaderAndNoOther) {
  put_v2();
  add(groups_.v2());
  FakeGroups other;
  other.put("cpu.stat", "usage_usec 1\n");
  GroupFolders none = other.v2();
  none.membership = none.memory = none.accounting = none.pids = none.io = "/nonexistent";
  collector_->add({.id = "gone", .folders = none, .leader = 0});
  collector_->add({.id = "z", .folders = other.v2(), .leader = 0});
  const auto readings = collector_->collect();
  ASSERT_EQ(readings.size(), 3U);
  EXPECT_EQ(readings[0].id, "gone");
  EXPECT_TRUE(readings[0].is_gone);
  EXPECT_FALSE(readings[0].problem.empty());
  EXPECT_EQ(readings[0].sample, WorkerSample{});
  EXPECT_EQ(readings[1].sample.memory_bytes, 3'000);
  EXPECT_EQ(readings[2].sample.cpu_ms, 0);
  EXPECT_EQ(readings[2].sample.memory_bytes, std::nullopt);
  collector_->remove("gone");
  EXPECT_EQ(collector_->collect().size(), 2U);
}

TEST_F(CgroupReaderTest, UptimeCountsFromTheStartThatIsHandedIn) {
  put_v2();
  const std::int64_t start_ns = clock_.monotonic_ns();
  clock_.advance(std::chrono::milliseconds(1'500));
  collector_->add({.id = "w", .folders = groups_.v2(), .leader = kPid, .started_ns = start_ns});
  EXPECT_EQ(sample().uptime, std::chrono::milliseconds(1'500));
}

// A wrapper may start the server late; a later change is not looked for for ever.
TEST_F(CgroupReaderTest, AModelIsFoundWhenItAppears) {
  put_v2();
  groups_.put_process(kPid, "cmdline", std::string("sh\0-c\0run\0", 10));
  add(groups_.v2());
  EXPECT_EQ(sample().model, std::nullopt);
  groups_.put("cgroup.procs", "4711\n4712\n");
  groups_.put_process(kPid + 1, "cmdline", std::string("llama\0--model=x\0", 16));
  EXPECT_EQ(sample().model, "x");
}

}  // namespace
}  // namespace hearth::agent
