// Groups are made, seen, killed as a whole and removed.
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <ctime>

#include "agent/cgroup/testing/cgroup_contract.h"
#include "base/limits.h"

namespace hearth::agent {
namespace {

constexpr int kHopSeconds = 15;

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

// Asked again at once, in new folders and in those that a group before had.
TEST_P(CgroupContract, WhoJoinsAndWhoEndsIsSeenAtOnce) {
  for (const std::string& name : {std::string("first"), std::string("second")}) {
    CgroupHandle& group = make(name);
    EXPECT_TRUE(group.pids().value().empty());
    EXPECT_TRUE(group.empty().value());
    const pid_t one = run_in(group, sleep_for_ever);
    EXPECT_FALSE(group.empty().value());
    EXPECT_EQ(group.pids().value(), std::vector<pid_t>{one});
    if (enforces()) {  // without groups it is of no session of this one
      const pid_t two = run_in(group, sleep_for_ever);
      EXPECT_EQ(group.pids().value().size(), 2U);
      kill(two, SIGKILL);
      wait_status(two);
      EXPECT_EQ(group.pids().value(), std::vector<pid_t>{one});
    }
    kill(one, SIGKILL);
    wait_status(one);
    EXPECT_TRUE(group.pids().value().empty());
    EXPECT_TRUE(group.empty().value());
    EXPECT_TRUE(removed(group));
  }
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

}  // namespace
}  // namespace hearth::agent
