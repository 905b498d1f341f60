// What every CgroupDriver must do, whatever the host: cgroup_contract_*_test.cc say it for each
// driver, here and, by the same program, inside a small virtual machine with a real v2 hierarchy.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/testing/group_process.h"

namespace hearth::agent {

inline constexpr int kPatienceMs = 10'000;

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

  // Runs `body` in a fork that entered the group before. Returns once it has entered.
  static pid_t run_in(CgroupHandle& group, const std::function<int()>& body) {
    return fork_into(group, [&body](const std::function<void()>& entered) {
      entered();
      return body();
    });
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

  std::unique_ptr<CgroupDriver> driver_;
  std::vector<std::unique_ptr<CgroupHandle>> groups_;
};

}  // namespace hearth::agent
