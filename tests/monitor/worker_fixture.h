// Workers with real processes in real groups, for each cgroup driver that the host offers, and a
// collector that looks at them.
//
// Processes are started in one of two ways: by the launcher, as jobs are; or as forks of the test
// that do one thing (use CPU, memory or a disk) and say by a pipe when it is done, so that nothing
// waits for time to pass.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/cgroup/testing/group_process.h"
#include "agent/launcher/real_launcher.h"
#include "agent/probe/collector.h"
#include "base/clock.h"
#include "base/testing/temp_dir.h"

namespace hearth::agent {

class WorkerFixture : public ::testing::TestWithParam<Enforcement> {
 protected:
  static constexpr int kPatienceMs = 20'000;

  void SetUp() override {
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    auto groups = make_cgroup_driver(
        GetParam(), {.cgroup_root = {}, .instance = "probe-" + std::to_string(getpid())});
    if (!groups) {
      GTEST_SKIP() << "NOT RUN HERE: with the cgroup driver " << to_string(GetParam()) << " ("
                   << groups.error().message << "); runs in tests/vm on a host that offers it";
    }
    groups_ = std::move(*groups);
    make_collector(nullptr);
  }

  void TearDown() override {
    collector_.reset();
    launcher_.reset();
    for (auto& [name, group] : made_) {
      end(*group);
    }
    made_.clear();
    groups_.reset();
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }

  void make_collector(const GpuProbe* gpus) { make_collector(gpus, clock_); }
  void make_collector(const GpuProbe* gpus, Clock& clock) {
    collector_ = std::make_unique<Collector>(
        Collector::Deps{.clock = clock, .gpus = gpus},
        Collector::Options{.proc_root = "/proc",
                           .files_kept_max = limits::kProbeFilesKeptMax,
                           .machine = {.root = "", .data_dir = dir_.path(), .cpu_milli = {}}});
  }

  [[nodiscard]] static bool enforces() { return GetParam() != Enforcement::None; }

  CgroupHandle& make_group(const std::string& name, const GroupLimits& limits = {}) {
    auto made = groups_->create(name, limits);
    if (!made) {
      ADD_FAILURE() << made.error().message;
      std::abort();
    }
    return *(made_[name] = std::move(*made));
  }

  void end(CgroupHandle& group) {
    for (int round = 0; round < 10'000; ++round) {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      const auto empty = group.empty();
      if (empty && *empty) {
        const auto removed = group.remove();
        if (removed || removed.error().code == ErrorCode::NotFound) {
          return;
        }
      } else {
        [[maybe_unused]] const auto killed = group.kill_all();
      }
      poll(nullptr, 0, 1);  // the kernel lets go of a group a moment after its last process
    }
    ADD_FAILURE() << "group " << group.name() << " does not end";
  }

  // A fork that entered the group, runs `body` (which calls `done` when it has done its work) and
  // then stays until it is killed. Returns when it is done.
  using Body = std::function<void(const std::function<void()>& done)>;
  pid_t run_in(CgroupHandle& group, const Body& body) {
    return fork_into(group, [&body](const std::function<void()>& done) {
      body(done);
      for (;;) {
        pause();
      }
      return 0;
    });
  }

  // Watched from now on; without a leader as one that is found, not started.
  void watch(CgroupHandle& group, pid_t leader) {
    collector_->add({.id = group.name(),
                     .folders = group.folders(),
                     .leader = leader,
                     .marks = group.env_marks(),
                     .started_ns = {}});
  }
  WorkerReading reading(const std::string& id) {
    for (WorkerReading& each : collector_->collect()) {
      if (each.id == id) {
        return std::move(each);
      }
    }
    ADD_FAILURE() << "no reading of " << id;
    return {};
  }
  WorkerSample sample(const std::string& id) {
    WorkerReading found = reading(id);
    EXPECT_EQ(found.problem, "");
    return found.sample;
  }

  // Starts `command` by the launcher in the group, as a job is started; its first process, or why
  // it did not start.
  SpawnOutcome launch(CgroupHandle& group, const std::vector<std::string>& command) {
    if (!launcher_) {
      auto started = RealLauncher::start({.helper_path = launcher_program()});
      if (!started) {
        ADD_FAILURE() << started.error().message;
        std::abort();
      }
      launcher_ = std::move(*started);
    }
    std::optional<SpawnOutcome> outcome;
    launcher_->set_events({.on_spawned = [&](const SpawnOutcome& told) { outcome = told; },
                           .on_exited = [](const ExitOutcome&) {},
                           .on_lost = [](const std::string& why) { ADD_FAILURE() << why; }});
    SpawnRequest request{.id = ++last_spawn_, .command = command, .cwd = "/"};
    request.join_paths = group.join_paths();
    request.kill_paths = group.kill_paths();
    request.env = group.env_marks();
    EXPECT_TRUE(launcher_->spawn(request));
    while (!outcome) {
      pollfd ready{.fd = launcher_->fd(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, kPatienceMs) != 1) {
        ADD_FAILURE() << "the launcher does not answer";
        return {};
      }
      launcher_->process_events();
    }
    launcher_->set_events({.on_spawned = [](const SpawnOutcome&) {},
                           .on_exited = [](const ExitOutcome&) {},
                           .on_lost = [](const std::string&) {}});
    if (outcome->pid > 0) {
      group.set_leader(outcome->pid);
    }
    return *outcome;
  }

  // Beside this program, also where it was copied to.
  static std::string launcher_program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hearth-launcher";
  }

  SystemClock clock_;
  hearth::testing::TempDir dir_;
  std::unique_ptr<CgroupDriver> groups_;
  std::map<std::string, std::unique_ptr<CgroupHandle>> made_;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<RealLauncher> launcher_;
  SpawnId last_spawn_ = 0;
};

}  // namespace hearth::agent
