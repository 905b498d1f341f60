// The process monitor under load and beside groups that vanish. What a collection costs is counted
// in reads and open files, not timed; bench/probe_bench measures the time. The names are those of
// the performance tests that the requirements list (docs/telemetry-tests.md).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "agent/cgroup/testing/take_out.h"
#include "base/limits.h"
#include "tests/monitor/worker_fixture.h"

namespace hearth::agent {
namespace {

class LoadTest : public WorkerFixture {
 protected:
  // A field of /proc/self/io: of this process and all its threads.
  static std::int64_t io(const std::string& field) {
    std::ifstream in("/proc/self/io");
    for (std::string name; in >> name;) {
      std::int64_t value = 0;
      in >> value;
      if (name == field + ":") {
        return value;
      }
    }
    ADD_FAILURE() << "/proc/self/io has no " << field;
    return 0;
  }
  static std::ptrdiff_t open_files() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  }
  void start_workers(int count) {
    for (int i = 0; i < count; ++i) {
      CgroupHandle& group =
          make_group("w" + std::to_string(i), {.memory_bytes = 64 * limits::kMiB});
      watch(group, run_in(group, [](const auto& done) { done(); }));
    }
    // What is looked for only at first, such as a model, is over.
    for (int i = 0; i < limits::kProbeModelLooksMax; ++i) {
      [[maybe_unused]] const auto readings = collector_->collect();
    }
  }
  // One collection: all have all figures, none has another's, and it opens nothing that it keeps.
  void expect_collected(int count) {
    const std::ptrdiff_t files = open_files();
    const std::int64_t reads_before = io("syscr");
    const std::vector<WorkerReading> readings = collector_->collect();
    const std::int64_t reads = io("syscr") - reads_before;
    EXPECT_EQ(open_files(), files);
    ASSERT_EQ(std::ssize(readings), count);
    std::set<pid_t> pids;
    for (const WorkerReading& reading : readings) {
      EXPECT_EQ(reading.problem, "");
      EXPECT_GT(reading.sample.memory_bytes, 0);
      EXPECT_NE(reading.sample.cpu_ms, std::nullopt);
      EXPECT_NE(reading.sample.uptime, std::nullopt);
      EXPECT_EQ(reading.sample.pids, 1);
      pids.insert(reading.sample.pid.value_or(0));
    }
    EXPECT_EQ(std::ssize(pids), count) << "each its own process";
    if (enforces()) {
      EXPECT_LE(reads, count * kReadsPerWorkerMax + kReadsOfAPass);
    }
  }

  // Each of its group's files once, and its processes' own I/O where groups do not count it.
  static constexpr std::int64_t kReadsPerWorkerMax = 16;
  static constexpr std::int64_t kReadsOfAPass = 8;
};

INSTANTIATE_TEST_SUITE_P(Drivers, LoadTest,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1,
                                           Enforcement::None),
                         [](const auto& driver) { return std::string(to_string(driver.param)); });

// bench_collection_10_workers
TEST_P(LoadTest, Collection10Workers) {
  start_workers(10);
  expect_collected(10);
}

// stress_100_workers
TEST_P(LoadTest, Stress100Workers) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: without groups each that ends costs a look at all processes";
  }
  start_workers(100);
  for (int round = 0; round < 3; ++round) {
    expect_collected(100);
  }
}

// Somebody removes a group whose processes live on: its figures are unknown, all others are there.
TEST_P(LoadTest, CollectHandlesARemovedGroup) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: there is no group to remove";
  }
  start_workers(3);
  const GroupFolders folders = made_.at("w1")->folders();
  const pid_t pid = sample("w1").pid.value();
  for (const std::string& folder :
       {folders.memory, folders.pids, folders.cpu, folders.accounting, folders.membership}) {
    EXPECT_TRUE(testing::take_out(folder, testing::Fate::Removed)) << folder;
  }
  for (int round = 0; round < 2; ++round) {
    const WorkerReading gone = reading("w1");
    EXPECT_TRUE(gone.is_gone);
    EXPECT_EQ(gone.sample, WorkerSample{}) << "no figure, and no zero";
    for (const char* other : {"w0", "w2"}) {
      const WorkerSample seen = sample(other);
      EXPECT_GT(seen.memory_bytes, 0);
      EXPECT_EQ(seen.pids, 1);
      EXPECT_NE(seen.cpu_ms, std::nullopt);
    }
  }
  EXPECT_EQ(kill(pid, SIGKILL), 0) << "it lived";
  EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
  made_.erase("w1");
}

}  // namespace
}  // namespace hearth::agent
