// Nothing of a group reaches the next, or stays behind for ever.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "agent/cgroup/cgroup_fs.h"
#include "agent/cgroup/testing/cgroup_contract.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

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

TEST_P(CgroupContract, AGroupOfSingleUseIsNeitherMadeOfAKeptOneNorKept) {
  GroupLimits limits{.memory_bytes = 64 * limits::kMiB, .pids = 32};
  const auto run_one = [&](const std::string& name) {
    CgroupHandle& group = make(name, limits);
    const auto entered = run_in(group, [] { return 0; });
    group.set_leader(entered);
    wait_status(entered);
    EXPECT_TRUE(removed(group));
  };
  run_one("plain");
  const GroupCounts before = driver_->counts();
  limits.single_use = true;
  run_one("first");
  run_one("second");
  EXPECT_EQ(driver_->counts().reused, before.reused);
  EXPECT_EQ(driver_->counts().kept, before.kept);
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

}  // namespace
}  // namespace hearth::agent
