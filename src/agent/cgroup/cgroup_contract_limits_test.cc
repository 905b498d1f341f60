// Limits hold, and what a group uses is counted.
#include <fcntl.h>
#include <poll.h>

#include "agent/cgroup/cgroup_fs.h"
#include "agent/cgroup/testing/cgroup_contract.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

TEST_P(CgroupContract, TheProcessLimitHolds) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  CgroupHandle& group = make("pids", {.pids = 3});
  const pid_t pid = run_in(group, [] {
    int made = 0;
    while (made < 10) {
      const pid_t child = fork();
      if (child < 0) {
        return errno == EAGAIN ? made : kChildFailed;
      }
      if (child == 0) {
        return sleep_for_ever();
      }
      ++made;
    }
    return made;
  });
  const int status = wait_status(pid);
  ASSERT_TRUE(WIFEXITED(status));
#ifdef __SANITIZE_THREAD__
  EXPECT_EQ(WEXITSTATUS(status), 1) << "the sanitizer's own thread counts as well";
#else
  EXPECT_EQ(WEXITSTATUS(status), 2);
#endif
}

TEST_P(CgroupContract, CpuTimeIsCountedAlsoOfDescendantsThatEnded) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is counted without cgroups";
  }
  CgroupHandle& group = make("cpu");
  const pid_t pid = run_in(group, [] {
    const pid_t child = fork();
    if (child == 0) {
      use_cpu(60);
      return 0;
    }
    waitpid(child, nullptr, 0);
    return 0;
  });
  wait_status(pid);
  const auto usage = group.usage();
  ASSERT_TRUE(usage);
  ASSERT_TRUE(usage->cpu_ms.has_value());
  EXPECT_GE(*usage->cpu_ms, 55);
  EXPECT_LT(*usage->cpu_ms, 5'000);
  EXPECT_EQ(usage->oom_kills, 0);
}

TEST_P(CgroupContract, TheCpuQuotaHolds) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  // So little that even a busy host gives the process more.
  CgroupHandle& group = make("quota", {.cpu_limit_milli = 20, .cpu_weight_milli = 200});
  const pid_t pid = run_in(group, [] {
    use_cpu(15);
    return 0;
  });
  wait_status(pid);
  // Asked of the kernel, not of a clock: how long it takes depends on the host's load.
  std::int64_t throttled = 0;
  KernelCgroupFs fs;
  for (const std::string& procs : group.join_paths()) {
    const auto stat = fs.read(procs.substr(0, procs.rfind('/')) + "/cpu.stat");
    throttled += stat ? find_number(*stat, "nr_throttled").value_or(0) : 0;
  }
  EXPECT_GE(throttled, 1);
}

TEST_P(CgroupContract, MemoryNowAndPeakAreSeen) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is counted without cgroups";
  }
  CgroupHandle& group = make("memory", {.memory_bytes = 128 * limits::kMiB});
  const pid_t pid = run_in(group, [] {
    use_memory(20 * limits::kMiB);
    return 0;
  });
  wait_status(pid);
  const auto usage = group.usage();
  ASSERT_TRUE(usage);
  EXPECT_TRUE(usage->memory_bytes.has_value());
  EXPECT_EQ(usage->pids, 0);
  if (usage->memory_peak_bytes.has_value()) {  // v2 tells it since Linux 5.19
    EXPECT_GE(*usage->memory_peak_bytes, 20 * limits::kMiB);
    EXPECT_LE(*usage->memory_peak_bytes, 128 * limits::kMiB);
  }
}

TEST_P(CgroupContract, RunningOutOfMemoryIsToldFromAPlainKill) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  CgroupHandle& plain = make("plain", {.memory_bytes = 32 * limits::kMiB});
  const pid_t killed = run_in(plain, sleep_for_ever);
  ASSERT_EQ(kill(killed, SIGKILL), 0);
  EXPECT_EQ(WTERMSIG(wait_status(killed)), SIGKILL);
  EXPECT_EQ(plain.usage().value().oom_kills, 0);

  CgroupHandle& greedy = make("greedy", {.memory_bytes = 32 * limits::kMiB});
  const pid_t pid = run_in(greedy, [] {
    use_memory(256 * limits::kMiB);
    return 0;
  });
  const int status = wait_status(pid);
  ASSERT_TRUE(WIFSIGNALED(status)) << "swap must not help";
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_GE(greedy.usage().value().oom_kills, 1);
}

// As a process that was started ahead gets the limits of its job.
TEST_P(CgroupContract, RaisedLimitsHoldForWhatRunsAlready) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  CgroupHandle& group = make("raised", {.memory_bytes = 32 * limits::kMiB,
                                        .cpu_limit_milli = 1'000,
                                        .cpu_weight_milli = 100,
                                        .pids = 8});
  int go[2];
  ASSERT_EQ(pipe2(go, O_CLOEXEC), 0);
  const pid_t pid = run_in(group, [&go] {
    char byte = 0;
    if (read(go[0], &byte, 1) != 1) {
      return kChildFailed;
    }
    use_memory(64 * limits::kMiB);
    return 0;
  });
  const auto raised = group.raise_limits({.memory_bytes = 256 * limits::kMiB,
                                          .cpu_limit_milli = 2'000,
                                          .cpu_weight_milli = 1'000,
                                          .pids = 64});
  ASSERT_TRUE(raised) << raised.error().message;
  ASSERT_EQ(write(go[1], "g", 1), 1);
  const int status = wait_status(pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  KernelCgroupFs fs;
  std::int64_t pids_max = 0;
  for (const std::string& procs : group.join_paths()) {
    const auto max = fs.read(procs.substr(0, procs.rfind('/')) + "/pids.max");
    pids_max = max ? parse_number(*max).value_or(-1) : pids_max;
  }
  EXPECT_EQ(pids_max, 64);
  EXPECT_FALSE(group.raise_limits({.memory_bytes = -1}));
  close(go[0]);
  close(go[1]);
}

// "Any OOM kill ends the whole group": by the kernel (v2), or by whoever watches (v1).
TEST_P(CgroupContract, AnOutOfMemoryDescendantIsNoticedWhileTheFirstProcessLives) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  CgroupHandle& group = make("child-oom", {.memory_bytes = 32 * limits::kMiB});
  const auto watch = group.watch_oom();
  ASSERT_TRUE(watch) << watch.error().message;
  const pid_t pid = run_in(group, [] {
    if (fork() == 0) {
      use_memory(256 * limits::kMiB);
      return 0;
    }
    return sleep_for_ever();
  });
  if (*watch < 0) {
    EXPECT_EQ(WTERMSIG(wait_status(pid)), SIGKILL) << "the kernel ends the whole group";
  } else {
    pollfd told{.fd = *watch, .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&told, 1, kPatienceMs), 1);
    std::int64_t kills = 0;
    for (int i = 0; i < 1'000'000 && kills == 0; ++i) {
      kills = group.usage().value().oom_kills;  // counted a moment after the notice
    }
    EXPECT_GE(kills, 1);
  }
  EXPECT_GE(group.usage().value().oom_kills, 1);
}

}  // namespace
}  // namespace hearth::agent
