// The process monitor with real processes in real groups, by each driver that the host offers; the
// names are those of the fifteen tests that its requirements list (origin:
// test_spawn_creates_cgroup … test_collect_fallback_on_non_linux).
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "agent/cgroup/cgroup_fs.h"
#include "agent/probe/group_walk.h"
#include "agent/probe/process_parse.h"
#include "agent/probe/smi_source.h"
#include "agent/probe/testing/fake_gpu_source.h"
#include "base/limits.h"
#include "tests/monitor/worker_fixture.h"

namespace hearth::agent {
namespace {

class MonitorTest : public WorkerFixture {
 protected:
  static std::vector<std::string> sleeper(const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> command = {"/bin/sh", "-c", "while :; do sleep 1000; done", "sh"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  static std::string content(const std::string& path) {
    KernelCgroupFs fs;
    return fs.read(path).value_or("(missing)");
  }
  static std::int64_t number(const std::string& path) {
    return parse_number(content(path)).value_or(-1);
  }
};

INSTANTIATE_TEST_SUITE_P(Drivers, MonitorTest,
                         ::testing::Values(Enforcement::V2, Enforcement::Hybrid, Enforcement::V1,
                                           Enforcement::None),
                         [](const auto& driver) { return std::string(to_string(driver.param)); });

TEST_P(MonitorTest, SpawnCreatesCgroup) {
  CgroupHandle& group = make_group("w1");
  const SpawnOutcome started = launch(group, sleeper());
  ASSERT_GT(started.pid, 0) << started.message;
  EXPECT_EQ(group.pids().value().front(), started.pid);
  if (!enforces()) {
    EXPECT_EQ(group.folders(), GroupFolders{});
    return;
  }
  const GroupFolders folders = group.folders();
  EXPECT_EQ(folders.kind, GetParam());
  // The whole process is in every hierarchy from its first instruction on.
  for (const std::string& folder :
       {folders.memory, folders.pids, folders.cpu, folders.accounting, folders.membership}) {
    EXPECT_NE(content(folder + "/cgroup.procs").find(std::to_string(started.pid)),
              std::string::npos)
        << folder;
  }
}

TEST_P(MonitorTest, SpawnAppliesCpuLimit) {
  CgroupHandle& group = make_group("w1", {.cpu_limit_milli = 200});
  const pid_t pid = run_in(group, [](const auto& done) { done(); });
  if (!enforces()) {
    EXPECT_EQ(groups_->enforcement(), Enforcement::None) << "and it says so";
    return;
  }
  const std::string cpu = group.folders().cpu;
  if (GetParam() == Enforcement::V2) {
    EXPECT_EQ(content(cpu + "/cpu.max"), "20000 100000\n");
  } else {
    EXPECT_EQ(number(cpu + "/cpu.cfs_quota_us"), 20'000);
  }
  kill(pid, SIGKILL);
  // What the limit costs a worker that wants more is seen, too.
  // So tight that it is met on the busiest machine.
  CgroupHandle& greedy = make_group("w2", {.cpu_limit_milli = 20});
  watch(greedy, run_in(greedy, [](const auto& done) { done(); }));
  run_in(greedy, [](const auto& done) {
    use_cpu(15);  // of seven periods
    done();
  });
  EXPECT_GT(sample("w2").throttled_percent, 0);
}

TEST_P(MonitorTest, SpawnAppliesMemoryLimit) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  CgroupHandle& group = make_group("w1", {.memory_bytes = 32 * limits::kMiB});
  const char* const file = GetParam() == Enforcement::V2 ? "/memory.max" : "/memory.limit_in_bytes";
  EXPECT_EQ(number(group.folders().memory + file), 32 * limits::kMiB);
  const pid_t pid = run_in(group, [](const auto& done) {
    done();
    use_memory(256 * limits::kMiB);
  });
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  watch(group, 0);
  const WorkerSample seen = sample("w1");
  EXPECT_GE(seen.oom_kills, 1);
  if (seen.memory_peak_bytes) {
    EXPECT_LE(seen.memory_peak_bytes, 32 * limits::kMiB);
    EXPECT_GE(seen.memory_peak_bytes, 16 * limits::kMiB);
  }
}

TEST_P(MonitorTest, SpawnReturnsValidPid) {
  CgroupHandle& group = make_group("w1");
  const SpawnOutcome started = launch(group, sleeper());
  ASSERT_GT(started.pid, 0) << started.message;
  EXPECT_EQ(::kill(started.pid, 0), 0);
  watch(group, started.pid);
  EXPECT_EQ(sample("w1").pid, started.pid);
}

TEST_P(MonitorTest, SpawnInvalidBinary) {
  CgroupHandle& group = make_group("w1");
  const SpawnOutcome started = launch(group, {"/nonexistent/llama-server", "--model", "x"});
  EXPECT_LE(started.pid, 0);
  EXPECT_EQ(started.reason, Reason::CommandNotFound);
  EXPECT_NE(started.message.find("/nonexistent/llama-server"), std::string::npos);
  // Nothing was left in the group.
  end(group);
  made_.erase("w1");
}

TEST_P(MonitorTest, SpawnInvalidCpuLimit) {
  const auto refused = groups_->create("w1", {.cpu_limit_milli = -1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(refused.error().message.find("CPU limit"), std::string::npos);
}

// "cpu_pct always 0.0": compared with the counter and the clock, read right before and after.
TEST_P(MonitorTest, CollectReadsCgroupStats) {
  CgroupHandle& group = make_group("w1");
  const pid_t leader = run_in(group, [](const auto& done) { done(); });
  if (!enforces()) {
    watch(group, leader);
    const WorkerSample seen = sample("w1");
    EXPECT_GT(seen.memory_bytes, 0);
    EXPECT_EQ(seen.pids, 1);
    return;
  }
  const auto cpu_ms = [&] { return static_cast<double>(group.usage().value().cpu_ms.value()); };
  const auto now_ms = [&] { return static_cast<double>(clock_.monotonic_ns()) / 1e6; };
  const double cpu_before = cpu_ms();
  const double before_watch = now_ms();
  watch(group, leader);
  const double after_watch = now_ms();
  const double cpu_watched = cpu_ms();
  run_in(group, [](const auto& done) {
    use_cpu(400);
    use_memory(24 * limits::kMiB);
    done();
  });
  const double before_sample = now_ms();
  const WorkerSample seen = sample("w1");
  const double after_sample = now_ms();
  ASSERT_TRUE(seen.cpu_percent && seen.cpu_ms);
  EXPECT_GE(*seen.cpu_ms, 400) << "what the worker's own clock says";
  constexpr double kRoundedMs = 2;
  const auto used = static_cast<double>(*seen.cpu_ms);
  EXPECT_GE(*seen.cpu_percent,
            100 * (used - cpu_watched - kRoundedMs) / (after_sample - before_watch));
  EXPECT_LE(*seen.cpu_percent,
            100 * (used - cpu_before + kRoundedMs) / (before_sample - after_watch));
  EXPECT_EQ(seen.pids, 2);
  const GroupFolders folders = group.folders();
  const char* const file =
      GetParam() == Enforcement::V2 ? "/memory.current" : "/memory.usage_in_bytes";
  ASSERT_TRUE(seen.memory_bytes);
  EXPECT_NEAR(static_cast<double>(*seen.memory_bytes),
              static_cast<double>(number(folders.memory + file)), 2.0 * limits::kMiB);
  EXPECT_GE(seen.memory_anon_bytes, 24 * limits::kMiB);
  EXPECT_GE(seen.memory_bytes, seen.memory_anon_bytes);
  EXPECT_GE(seen.memory_peak_bytes.value_or(INT64_MAX), *seen.memory_bytes);
  EXPECT_NE(seen.memory_file_bytes, std::nullopt);
  EXPECT_EQ(seen.oom_kills, 0);
  EXPECT_NE(seen.throttled_percent, std::nullopt);
}

TEST_P(MonitorTest, CollectWithoutGroupsSumsTheProcessTree) {
  if (enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: groups tell better";
  }
  CgroupHandle& group = make_group("w1");
  const pid_t leader = run_in(group, [](const auto& done) {
    if (fork() == 0) {
      use_cpu(300);
      use_memory(24 * limits::kMiB);
      done();
    }
  });
  watch(group, leader);
  const WorkerSample seen = sample("w1");
  EXPECT_EQ(seen.pid, leader);
  EXPECT_EQ(seen.pids, 2);
  EXPECT_GE(seen.cpu_ms, 290) << "of the child";
  EXPECT_GE(seen.memory_anon_bytes, 24 * limits::kMiB);
  EXPECT_EQ(seen.memory_bytes, *seen.memory_anon_bytes + *seen.memory_file_bytes);
  EXPECT_EQ(seen.memory_peak_bytes, seen.memory_bytes);
  EXPECT_EQ(seen.oom_kills, std::nullopt);
  EXPECT_EQ(seen.throttled_percent, std::nullopt);
}

// "I/O rates always 0.0". How much it is, figures_test.cc asks, where there is a disk.
TEST_P(MonitorTest, CollectSeesIo) {
  CgroupHandle& group = make_group("w1");
  const std::string path = dir_.file("written");
  std::array<int, 2> go{};
  ASSERT_EQ(pipe2(go.data(), O_CLOEXEC), 0);
  std::array<int, 2> written{};
  ASSERT_EQ(pipe2(written.data(), O_CLOEXEC), 0);
  const pid_t pid = run_in(group, [&](const auto& done) {
    done();
    char byte = 0;
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(1 << 20, 'x');
    if (read(go[0], &byte, 1) != 1) {
      _exit(kChildFailed);
    }
    for (int i = 0; i < 8; ++i) {
      if (write(fd, block.data(), block.size()) != std::ssize(block)) {
        _exit(kChildFailed);
      }
    }
    fdatasync(fd);
    use_cpu(120);  // a rate needs time
    if (write(written[1], "x", 1) != 1) {
      _exit(kChildFailed);
    }
  });
  watch(group, pid);
  ASSERT_EQ(write(go[1], "x", 1), 1);
  char byte = 0;
  ASSERT_EQ(read(written[0], &byte, 1), 1);
  const auto own = parse_process_io(content("/proc/" + std::to_string(pid) + "/io"));
  ASSERT_TRUE(own);
  const WorkerSample seen = sample("w1");
  ASSERT_NE(seen.io_write_bytes_per_sec, std::nullopt);
  EXPECT_EQ(*seen.io_write_bytes_per_sec > 0, own->written > 0);
  EXPECT_NE(seen.io_read_bytes_per_sec, std::nullopt);
  for (const int fd : {go[0], go[1], written[0], written[1]}) {
    close(fd);
  }
}

TEST_P(MonitorTest, CollectParsesCmdline) {
  CgroupHandle& one = make_group("w1");
  watch(one, launch(one, sleeper({"--model", "llama 3.gguf"})).pid);
  CgroupHandle& two = make_group("w2");
  watch(two, launch(two, sleeper({"--model=phi"})).pid);
  CgroupHandle& three = make_group("w3");
  watch(three, launch(three, sleeper({"-m", "qwen"})).pid);
  CgroupHandle& none = make_group("w4");
  watch(none, launch(none, sleeper()).pid);
  EXPECT_EQ(sample("w1").model, "llama 3.gguf");
  EXPECT_EQ(sample("w2").model, "phi");
  EXPECT_EQ(sample("w3").model, "qwen");
  EXPECT_EQ(sample("w4").model, std::nullopt);
}

TEST_P(MonitorTest, CollectCalculatesUptime) {
  CgroupHandle& group = make_group("w1");
  const pid_t pid = run_in(group, [](const auto& done) { done(); });
  watch(group, pid);
  const auto first = sample("w1").uptime;
  use_cpu(200);
  const auto second = sample("w1").uptime;
  ASSERT_TRUE(first && second);
  EXPECT_GE(first->count(), 0);
  EXPECT_GE(*second - *first, Duration(180)) << "the kernel's clock has steps of 10 ms";
  EXPECT_LT(*second, std::chrono::hours(1));
}

TEST_P(MonitorTest, CollectHandlesDeadProcess) {
  CgroupHandle& lives = make_group("lives");
  watch(lives, run_in(lives, [](const auto& done) { done(); }));
  CgroupHandle& dies = make_group("dies");
  const pid_t pid = run_in(dies, [](const auto& done) { done(); });
  watch(dies, pid);
  kill(pid, SIGKILL);
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  // Its group is still there, with figures but without processes.
  [[maybe_unused]] const auto between = collector_->collect();
  EXPECT_EQ(sample("lives").pid.has_value(), true);
  [[maybe_unused]] const auto killed = dies.kill_all();  // as used: its folders serve nobody else
  end(dies);
  made_.erase("dies");
  const WorkerReading gone = reading("dies");
  EXPECT_TRUE(gone.is_gone);
  EXPECT_FALSE(gone.problem.empty());
  EXPECT_EQ(gone.sample, WorkerSample{}) << "no figure, and no zero, of what is gone";
  EXPECT_GE(sample("lives").pids, 1);
}

TEST_P(MonitorTest, CollectQueriesNvidiaSmi) {
  CgroupHandle& group = make_group("w1");
  const pid_t pid = run_in(group, [](const auto& done) { done(); });
  CgroupHandle& other = make_group("w2");
  const pid_t other_pid = run_in(other, [](const auto& done) { done(); });
  const std::string path = dir_.file("nvidia-smi");
  std::ofstream(path) << "#!/bin/sh\ncase \"$1\" in\n--query-gpu*)\n"
                      << "echo '0, GPU-a, T4, 37, 100, 1000, 61'\n"
                      << "echo '1, GPU-b, T4, 80, 300, 1000, 62'\n;;\n*)\n"
                      << "echo 'GPU-b, " << pid << ", 300'\necho 'GPU-a, " << pid << ", 99'\n"
                      << "echo 'GPU-a, 1, 1'\n;;\nesac\n";
  chmod(path.c_str(), 0755);
  auto smi = SmiSource::create(clock_, path, Duration(kPatienceMs));
  ASSERT_TRUE(smi);
  std::vector<std::unique_ptr<GpuSource>> sources;
  sources.push_back(std::move(*smi));
  GpuProbe probe(clock_, std::move(sources), {});
  while (!probe.latest().reading) {
    poll(nullptr, 0, 1);
  }
  make_collector(&probe);
  watch(group, pid);
  watch(other, other_pid);
  const WorkerSample seen = sample("w1");
  ASSERT_EQ(seen.gpus.size(), 2U);
  EXPECT_EQ(
      seen.gpus[0],
      (WorkerGpu{
          .index = 0, .util_percent = {}, .memory_bytes = 99 * limits::kMiB, .stale = false}));
  EXPECT_EQ(seen.gpus[1].memory_bytes, 300 * limits::kMiB);
  EXPECT_TRUE(sample("w2").gpus.empty());
  EXPECT_EQ(collector_->machine().gpus.size(), 2U);
  collector_.reset();
}

TEST_P(MonitorTest, CollectHandlesMissingGpu) {
  std::vector<std::unique_ptr<GpuSource>> sources;
  FakeGpu none;
  none.set(not_found("no driver"));
  sources.push_back(std::make_unique<FakeGpuSource>(none));
  GpuProbe probe(clock_, std::move(sources),
                 {.interval = Duration(1), .interval_max = Duration(1)});
  none.wait_for_next_read();
  none.wait_for_next_read();
  make_collector(&probe);
  CgroupHandle& group = make_group("w1");
  watch(group, run_in(group, [](const auto& done) { done(); }));
  const WorkerSample seen = sample("w1");
  EXPECT_TRUE(seen.gpus.empty());
  EXPECT_GT(seen.memory_bytes, 0) << "everything else is there";
  EXPECT_EQ(collector_->machine().gpu_problem, "");
  collector_.reset();
}

// A worker's GPU figures go stale with the driver; all others go on.
TEST_P(MonitorTest, CollectMarksStaleGpus) {
  CgroupHandle& group = make_group("w1");
  const pid_t pid = run_in(group, [](const auto& done) { done(); });
  FakeGpu gpu;
  GpuReading answer;
  answer.gpus = {{.index = 0, .name = "G"}};
  answer.processes = {{.gpu = 0, .pid = pid, .util_percent = 50, .memory_bytes = 7}};
  gpu.set(answer);
  std::vector<std::unique_ptr<GpuSource>> sources;
  sources.push_back(std::make_unique<FakeGpuSource>(gpu));
  GpuProbe probe(clock_, std::move(sources), {.interval = Duration(1), .deadline = Duration(0)});
  gpu.wait_for_next_read();
  gpu.hang();
  gpu.wait_for_hanging_read();
  make_collector(&probe);
  watch(group, pid);
  WorkerSample seen = sample("w1");
  while (seen.gpus.empty() || !seen.gpus[0].stale) {
    poll(nullptr, 0, 1);
    seen = sample("w1");
  }
  EXPECT_EQ(seen.gpus[0].util_percent, 50);
  EXPECT_GT(seen.memory_bytes, 0);
  EXPECT_NE(collector_->machine().gpus.at(0).stale_since, std::nullopt);
  collector_.reset();
}

TEST_P(MonitorTest, EnumerateWalksCgroupTree) {
  if (!enforces()) {
    EXPECT_FALSE(enumerate_groups(groups_->folders())) << "there is no tree to walk";
    return;
  }
  CgroupHandle& one = make_group("w1");
  const pid_t first = run_in(one, [](const auto& done) { done(); });
  CgroupHandle& two = make_group("w2");
  const std::string inner = two.folders().membership + "/inner";
  ASSERT_EQ(mkdir(inner.c_str(), 0755), 0);
  ASSERT_EQ(mkdir((inner + "/deep").c_str(), 0755), 0);
  const pid_t nested = run_in(two, [&](const auto& done) {
    const int fd = open((inner + "/deep/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) {
      _exit(kChildFailed);
    }
    done();
    use_cpu(200);
  });
  make_group("w3");  // nobody is in it
  const auto found = enumerate_groups(groups_->folders());
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  const bool first_is_one = found->front().pids == std::vector<pid_t>{first};
  const FoundGroup& walked = first_is_one ? found->back() : found->front();
  EXPECT_EQ(walked.pids, std::vector<pid_t>{nested});
  EXPECT_EQ(walked.nested, 2);
  EXPECT_EQ(walked.folders.membership, two.folders().membership);
  EXPECT_EQ(walked.folders.memory, two.folders().memory);
  // Nested figures are part of the group's, and counted once.
  collector_->add({.id = "w2", .folders = walked.folders, .leader = 0});
  const WorkerSample seen = sample("w2");
  EXPECT_EQ(seen.pid, nested);
  EXPECT_GT(seen.memory_bytes, 0);
  if (GetParam() == Enforcement::V2) {
    EXPECT_EQ(seen.pids, 1);
  }
}

// Kept folders: peak and CPU are this worker's, not those of the one before.
TEST_P(MonitorTest, ARecycledGroupStartsAtNothing) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is counted without cgroups";
  }
  const GroupLimits limits{.memory_bytes = 128 * limits::kMiB};
  CgroupHandle& first = make_group("first", limits);
  const std::string folder = first.folders().membership;
  const pid_t pid = run_in(first, [](const auto& done) {
    use_memory(40 * limits::kMiB);
    use_cpu(150);
    done();
    _exit(0);
  });
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  for (int i = 0; i < kPatienceMs && !first.empty().value_or(false); ++i) {
    poll(nullptr, 0, 1);
  }
  for (int i = 0; i < kPatienceMs && !first.remove(); ++i) {
    poll(nullptr, 0, 1);
  }
  made_.erase("first");
  CgroupHandle& second = make_group("second", limits);
  const bool is_recycled = second.folders().membership == folder;
  EXPECT_EQ(second.folders().cpu_us_before >= 150'000, is_recycled);
  RecordProperty("recycled", is_recycled ? "yes" : "no");
  watch(second, run_in(second, [](const auto& done) { done(); }));
  const WorkerSample seen = sample("second");
  EXPECT_LT(seen.cpu_ms, 100);
  EXPECT_LT(seen.memory_peak_bytes.value_or(0), 32 * limits::kMiB);
  EXPECT_EQ(seen.oom_kills, 0);
}

// Where groups cannot be had the same calls work, and what they cannot tell is unknown.
TEST_P(MonitorTest, SpawnFallbackOnNonLinux) {
  const auto probed =
      probe_cgroup_driver({.cgroup_root = {}, .instance = "fallback", .force_none = true});
  ASSERT_TRUE(probed);
  EXPECT_EQ(probed->driver->enforcement(), Enforcement::None);
  EXPECT_FALSE(probed->why_not.empty());
  auto group = probed->driver->create("w1", {.memory_bytes = 32 * limits::kMiB});
  ASSERT_TRUE(group);
  EXPECT_GT(launch(**group, sleeper()).pid, 0);
  end(**group);
}

TEST_P(MonitorTest, CollectFallbackOnNonLinux) {
  auto none = make_cgroup_driver(Enforcement::None, {.cgroup_root = {}, .instance = "fallback"});
  ASSERT_TRUE(none);
  auto group = (*none)->create("w1", {});
  ASSERT_TRUE(group);
  const SpawnOutcome started = launch(**group, sleeper({"-m", "tiny"}));
  watch(**group, started.pid);
  const WorkerSample seen = sample("w1");
  EXPECT_EQ(seen.pid, started.pid);
  EXPECT_EQ(seen.model, "tiny");
  EXPECT_GT(seen.memory_bytes, 0);
  EXPECT_GE(seen.pids, 1);
  EXPECT_GE(seen.uptime, Duration(0));
  EXPECT_EQ(seen.oom_kills, std::nullopt);
  EXPECT_EQ(seen.pressure, PressureSample{});
  end(**group);
  EXPECT_TRUE(reading("w1").is_gone);
}

}  // namespace
}  // namespace hearth::agent
