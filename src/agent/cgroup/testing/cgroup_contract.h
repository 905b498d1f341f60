// What every CgroupDriver must do, whatever the host: run for each driver by
// cgroup_contract_test.cc here and by the same program inside a small virtual machine with a real
// v2 hierarchy.
//
// The processes in the groups are forks of the test itself, so that nothing else is needed where it
// runs (no shell, no tools).
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/cgroup_fs.h"
#include "base/limits.h"

namespace hearth::agent {

inline constexpr int kPatienceMs = 10'000;

inline constexpr int kHopSeconds = 15;

// The exit code with which a child of the test says that something failed within it.
inline constexpr int kChildFailed = 99;

class CgroupContract : public ::testing::TestWithParam<Enforcement> {
 protected:
  void SetUp() override {
    // As the launcher does: orphans of a group become ours to reap.
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    auto made = make_cgroup_driver(GetParam(), options("a"));
    if (!made) {
      GTEST_SKIP() << "NOT RUN HERE: the cgroup driver " << to_string(GetParam()) << " ("
                   << made.error().message << "); runs in tests/vm on a host that offers it";
    }
    driver_ = std::move(*made);
  }

  void TearDown() override {
    for (const auto& group : groups_) {
      [[maybe_unused]] const bool cleared = clear(*group);
    }
    groups_.clear();
    driver_.reset();
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }

  static DriverOptions options(const std::string& which) {
    return {.cgroup_root = {},
            .instance = "test-" + which + "-" + std::to_string(getpid()),
            .force_none = false};
  }
  [[nodiscard]] static bool enforces() { return GetParam() != Enforcement::None; }

  CgroupHandle& make(const std::string& name, const GroupLimits& limits = {}) {
    auto made = driver_->create(name, limits);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      std::abort();
    }
    groups_.push_back(std::move(*made));
    return *groups_.back();
  }

  // Runs `body` in a child that entered the group before, in a session of its own, and marked as a
  // launcher would mark it. Returns once it has entered.
  static pid_t run_in(CgroupHandle& group, const std::function<int()>& body) {
    std::array<int, 2> entered{};
    EXPECT_EQ(pipe2(entered.data(), O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      setsid();
      for (const std::string& path : group.join_paths()) {
        const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1) {
          _exit(kChildFailed);
        }
        close(fd);
      }
      close(entered[0]);
      close(entered[1]);
      _exit(body());
    }
    close(entered[1]);
    char byte = 0;
    EXPECT_EQ(read(entered[0], &byte, 1), 0);
    close(entered[0]);
    group.set_leader(pid);
    return pid;
  }

  static int sleep_for_ever() {
    while (true) {
      pause();
    }
  }
  static void ignore_polite_signals() {
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
      std::signal(number, SIG_IGN);
    }
  }

  static int wait_status(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }

  // Also a zombie that nobody has reaped yet has ended.
  static bool ended(pid_t pid) {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) {
      // EINVAL: it is being reaped at this very moment; older kernels say that instead of ESRCH.
      return errno == ESRCH || errno == EINVAL;
    }
    pollfd told{.fd = fd, .events = POLLIN, .revents = 0};
    const bool has_ended = poll(&told, 1, kPatienceMs) == 1;
    close(fd);
    return has_ended;
  }

  // Waits on the end of a member, then reaps.
  static void let_one_end(CgroupHandle& group) {
    const auto pids = group.pids();
    if (pids && !pids->empty()) {
      const int fd = static_cast<int>(syscall(SYS_pidfd_open, pids->front(), 0));
      if (fd >= 0) {
        pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
        poll(&ended, 1, 100);
        close(fd);
      }
    }
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
  static bool becomes_empty(CgroupHandle& group, bool killing) {
    for (int round = 0; round < 500; ++round) {
      const auto empty = group.empty();
      if (empty && *empty) {
        return true;
      }
      if (killing && !group.kill_all()) {
        return false;
      }
      let_one_end(group);
    }
    return false;
  }
  static bool clear(CgroupHandle& group) { return becomes_empty(group, true) && removed(group); }
  static bool removed(CgroupHandle& group) {
    for (int round = 0; round < 10'000; ++round) {
      const auto result = group.remove();
      if (result || result.error().code == ErrorCode::NotFound) {
        return true;
      }
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      sched_yield();
    }
    return false;
  }

  // Touches `bytes` of memory; the kernel may kill the caller meanwhile.
  static void use_memory(std::size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      _exit(kChildFailed);
    }
    auto* at = static_cast<volatile char*>(memory);
    for (std::size_t i = 0; i < bytes; i += 4096) {
      at[i] = 1;
    }
  }
  static void use_cpu(std::int64_t milliseconds) {
    timespec used{};
    do {
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (used.tv_sec * 1'000 + used.tv_nsec / 1'000'000 < milliseconds);
  }

  std::unique_ptr<CgroupDriver> driver_;
  std::vector<std::unique_ptr<CgroupHandle>> groups_;
};

TEST_P(CgroupContract, ReportsItsKind) {
  EXPECT_EQ(driver_->enforcement(), GetParam());
}

TEST_P(CgroupContract, MembersAreSeenAndAnEmptyGroupCanBeRemoved) {
  CgroupHandle& group = make("members");
  EXPECT_EQ(group.name(), "members");
  EXPECT_EQ(group.empty().value_or(false), true);
  const pid_t pid = run_in(group, sleep_for_ever);
  const auto pids = group.pids();
  ASSERT_TRUE(pids);
  EXPECT_EQ(*pids, std::vector<pid_t>{pid});
  EXPECT_EQ(group.empty().value_or(true), false);
  const auto refused = group.remove();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::FailedPrecondition);
  kill(pid, SIGKILL);
  wait_status(pid);
  EXPECT_TRUE(becomes_empty(group, false));
  EXPECT_TRUE(removed(group));
}

TEST_P(CgroupContract, KillReachesDetachedDescendantsThatIgnoreSignals) {
  CgroupHandle& group = make("detached");
  std::array<int, 2> ready{};
  ASSERT_EQ(pipe2(ready.data(), 0), 0);
  run_in(group, [&] {
    ignore_polite_signals();
    if (fork() == 0) {
      setsid();
      if (GetParam() != Enforcement::None && fork() > 0) {
        _exit(0);  // the parent is gone: only the group knows the rest
      }
      [[maybe_unused]] const ssize_t put = write(ready[1], "x", 1);
      return sleep_for_ever();
    }
    return sleep_for_ever();
  });
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  const auto before = group.pids();
  ASSERT_TRUE(before);
  EXPECT_GE(before->size(), 2U) << "the one between them may still be ending";
  EXPECT_TRUE(clear(group));
  for (const pid_t pid : *before) {
    EXPECT_TRUE(ended(pid)) << pid;
  }
}

TEST_P(CgroupContract, KillCatchesAProcessThatForksAwayFromIt) {
  CgroupHandle& group = make("hopper", {.pids = 64});
  run_in(group, [] {
    ignore_polite_signals();
    // Each generation lives for a moment. Bounded, in case that nobody catches it.
    timespec start{};
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
      if (fork() > 0) {
        _exit(0);
      }
      clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < kHopSeconds);
    return 0;
  });
  EXPECT_TRUE(clear(group));
}

TEST_P(CgroupContract, KillEndsAForkBomb) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: a fork bomb without a limit of processes would hurt this host";
  }
  CgroupHandle& group = make("bomb", {.memory_bytes = 256 * limits::kMiB, .pids = 40});
  run_in(group, [] {
    ignore_polite_signals();
    while (true) {
      fork();
    }
    return 0;
  });
  EXPECT_TRUE(clear(group));
}

TEST_P(CgroupContract, KillingAnEmptyGroupIsHarmless) {
  CgroupHandle& group = make("nobody");
  EXPECT_TRUE(group.kill_all());
  EXPECT_TRUE(group.kill_all());
  EXPECT_TRUE(removed(group));
}

TEST_P(CgroupContract, RefusesBadNamesAndLimits) {
  for (const std::string& name : {std::string(), std::string("a/b"), std::string(".."),
                                  std::string("a b"), std::string(129, 'x')}) {
    const auto refused = driver_->create(name, {});
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  }
  for (const GroupLimits& limits :
       {GroupLimits{.memory_bytes = -1}, GroupLimits{.cpu_limit_milli = -1},
        GroupLimits{.cpu_weight_milli = -1}, GroupLimits{.pids = -1}}) {
    const auto refused = driver_->create("bad", limits);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  }
  EXPECT_TRUE(removed(make("bad"))) << "nothing of the refused ones is left";
}

TEST_P(CgroupContract, ANameInUseIsRefused) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: without cgroups a group is not a thing that can be in the way";
  }
  make("twice");
  const auto refused = driver_->create("twice", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
}

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

TEST_P(CgroupContract, SweepEndsLeftoversOfThisInstanceOnly) {
  auto other = make_cgroup_driver(GetParam(), options("b"));
  ASSERT_TRUE(other);
  auto neighbour = (*other)->create("neighbour", {});
  ASSERT_TRUE(neighbour);
  const pid_t spared = run_in(**neighbour, sleep_for_ever);
  EXPECT_EQ(driver_->sweep().value_or(-1), 0);

  if (enforces()) {
    CgroupHandle& first = make("leftover-1");
    CgroupHandle& second = make("leftover-2");
    make("leftover-3");
    const pid_t one = run_in(first, sleep_for_ever);
    const pid_t two = run_in(second, [] {
      ignore_polite_signals();
      return sleep_for_ever();
    });
    groups_.clear();  // as after a crash: nobody holds them any more
    const auto swept = driver_->sweep();
    ASSERT_TRUE(swept) << swept.error().message;
    EXPECT_EQ(*swept, 3);
    EXPECT_EQ(WTERMSIG(wait_status(one)), SIGKILL);
    EXPECT_EQ(WTERMSIG(wait_status(two)), SIGKILL);
    EXPECT_EQ(driver_->sweep().value_or(-1), 0);
  }
  EXPECT_EQ(waitpid(spared, nullptr, WNOHANG), 0) << "it belongs to a neighbour";
  EXPECT_TRUE(clear(**neighbour));
}

// An agent that was killed and never comes back leaves its folder and the groups in it.
TEST_P(CgroupContract, SweepRemovesOldFoldersThatNobodyHolds) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: there are no folders without cgroups";
  }
  std::array<char, 17> instance{};  // as agents make them up
  std::snprintf(instance.data(), instance.size(), "c0ffee%010x", static_cast<unsigned>(getpid()));
  const DriverOptions options{.cgroup_root = {}, .instance = instance.data()};
  std::vector<std::string> bases;
  {
    auto alive = make_cgroup_driver(GetParam(), options);
    ASSERT_TRUE(alive) << alive.error().message;
    const auto group = (*alive)->create("first", {});
    ASSERT_TRUE(group);
    for (const std::string& procs : (*group)->join_paths()) {
      const std::string folder = procs.substr(0, procs.rfind('/'));
      bases.push_back(folder.substr(0, folder.rfind('/')));
    }
    EXPECT_TRUE(removed(**group));
  }
  const auto make_old = [&bases] {
    const std::array<timespec, 2> long_ago = {timespec{.tv_sec = 1}, timespec{.tv_sec = 1}};
    for (const std::string& base : bases) {
      EXPECT_EQ(utimensat(AT_FDCWD, base.c_str(), long_ago.data(), 0), 0);
    }
  };
  const auto count = [&bases] {
    return std::count_if(bases.begin(), bases.end(),
                         [](const std::string& base) { return access(base.c_str(), F_OK) == 0; });
  };
  ASSERT_EQ(count(), 0) << "a driver takes its folder with it";

  const auto and_die = [&](const std::string& with_group) {
    const pid_t pid = fork();
    if (pid == 0) {
      auto driver = make_cgroup_driver(GetParam(), options);
      _exit(driver && (*driver)->create(with_group, {}) ? 0 : kChildFailed);
    }
    EXPECT_EQ(WEXITSTATUS(wait_status(pid)), 0);
  };
  and_die("second");
  EXPECT_EQ(count(), std::ssize(bases));
  EXPECT_EQ(driver_->sweep().value_or(-1), 0);
  EXPECT_EQ(count(), std::ssize(bases)) << "young";
  make_old();
  {
    const auto heir = make_cgroup_driver(GetParam(), options);
    ASSERT_TRUE(heir);
    make_old();
    EXPECT_EQ(driver_->sweep().value_or(-1), 0);
    EXPECT_EQ(count(), std::ssize(bases)) << "held";
  }
  and_die("third");
  make_old();
  EXPECT_EQ(driver_->sweep().value_or(-1), 0);
  EXPECT_EQ(count(), 0);
}

TEST_P(CgroupContract, GroupsMadeWithinAGroupGoWithIt) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: there are no groups within groups without cgroups";
  }
  CgroupHandle& group = make("outer");
  const std::string procs = group.join_paths().back();
  const std::string inner = procs.substr(0, procs.rfind('/')) + "/inner";
  const pid_t pid = run_in(group, [&] {
    if (mkdir(inner.c_str(), 0755) != 0) {
      return kChildFailed;
    }
    const int fd = open((inner + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) {
      return kChildFailed;
    }
    return sleep_for_ever();
  });
  // Membership moved within the group: it is still this group's to kill and remove.
  EXPECT_TRUE(clear(group));
  EXPECT_TRUE(ended(pid));
  EXPECT_NE(access(inner.c_str(), F_OK), 0);
}

// A driver may keep the folders of a group for the next of the same limits.
TEST_P(CgroupContract, AGroupShowsNothingOfTheOneBefore) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is counted without cgroups";
  }
  const GroupLimits limits{.memory_bytes = 64 * limits::kMiB,
                           .cpu_limit_milli = 4'000,
                           .cpu_weight_milli = 500,
                           .pids = 32};
  CgroupHandle& first = make("first", limits);
  wait_status(run_in(first, [] {
    use_memory(20 * limits::kMiB);
    use_cpu(60);
    return 0;
  }));
  EXPECT_TRUE(removed(first));

  CgroupHandle& second = make("second", limits);
  // It is gone, whoever has its folders now.
  [[maybe_unused]] const auto again = first.remove();
  EXPECT_EQ(second.name(), "second");
  EXPECT_TRUE(second.pids().value().empty());
  wait_status(run_in(second, [] { return 0; }));
  const auto usage = second.usage();
  ASSERT_TRUE(usage);
  EXPECT_LT(usage->cpu_ms.value_or(1'000), 50);
  EXPECT_LT(usage->memory_peak_bytes.value_or(0), 16 * limits::kMiB);
  EXPECT_EQ(usage->oom_kills, 0);
  EXPECT_TRUE(removed(second));
}

TEST_P(CgroupContract, ALimitThatAJobChangedDoesNotReachTheNext) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  const GroupLimits limits{.pids = 3};
  CgroupHandle& first = make("first", limits);
  const std::vector<std::string> joined = first.join_paths();
  wait_status(run_in(first, [&] {
    for (const std::string& procs : joined) {
      const std::string file = procs.substr(0, procs.rfind('/')) + "/pids.max";
      const int fd = open(file.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd >= 0 && write(fd, "1000", 4) != 4) {
        return kChildFailed;
      }
    }
    return 0;
  }));
  EXPECT_TRUE(removed(first));
  CgroupHandle& second = make("second", limits);
  int most = 0;
  KernelCgroupFs fs;
  for (const std::string& procs : second.join_paths()) {
    const auto max = fs.read(procs.substr(0, procs.rfind('/')) + "/pids.max");
    most = max ? static_cast<int>(parse_number(*max).value_or(-1)) : most;
  }
  EXPECT_EQ(most, 3);
}

TEST_P(CgroupContract, AGroupThatRanOutOfMemoryLeavesNoTrace) {
  if (!enforces()) {
    GTEST_SKIP() << "NOT RUN HERE: nothing is enforced without cgroups";
  }
  const GroupLimits limits{.memory_bytes = 32 * limits::kMiB};
  CgroupHandle& greedy = make("greedy", limits);
  wait_status(run_in(greedy, [] {
    use_memory(256 * limits::kMiB);
    return 0;
  }));
  EXPECT_GE(greedy.usage().value().oom_kills, 1);
  EXPECT_TRUE(removed(greedy));
  EXPECT_EQ(make("modest", limits).usage().value().oom_kills, 0);
}

TEST_P(CgroupContract, ManyGroupsComeAndGo) {
  for (int i = 0; i < 100; ++i) {
    auto group = driver_->create("many-" + std::to_string(i), {.memory_bytes = 64 * limits::kMiB,
                                                               .cpu_limit_milli = 1'000,
                                                               .cpu_weight_milli = 500,
                                                               .pids = 32});
    ASSERT_TRUE(group) << group.error().message;
    wait_status(run_in(**group, [] { return 0; }));
    EXPECT_TRUE(removed(**group));
  }
  EXPECT_EQ(driver_->sweep().value_or(-1), 0);
}

}  // namespace hearth::agent
