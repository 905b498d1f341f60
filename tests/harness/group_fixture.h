// Control groups with real processes in them, for each cgroup driver that the host offers.
//
// Processes are started in one of two ways: by the launcher, as jobs are; or as forks of the test
// that do one thing (use CPU, memory or a disk) and say by a pipe when it is done, so that nothing
// waits for time to pass.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/cgroup/cgroup_driver.h"
#include "agent/launcher/real_launcher.h"

namespace hearth::harness {

class GroupFixture : public ::testing::TestWithParam<Enforcement> {
 protected:
  static constexpr int kPatienceMs = 20'000;

  // Skips the test where the host does not offer the driver.
  void SetUp() override;
  // Ends all groups.
  void TearDown() override;

  [[nodiscard]] static bool enforces() { return GetParam() != Enforcement::None; }

  agent::CgroupHandle& make_group(const std::string& name, const agent::GroupLimits& limits = {});
  // Kills all that is in it, and removes it.
  static void end(agent::CgroupHandle& group);

  // A fork that entered the group, runs `body` (which calls `done` when it has done its work) and
  // then stays until it is killed. Returns when it is done.
  using Body = std::function<void(const std::function<void()>& done)>;
  static pid_t run_in(agent::CgroupHandle& group, const Body& body);

  // Starts `command` by the launcher in the group, as a job is started; its first process, or why
  // it did not start.
  agent::SpawnOutcome launch(agent::CgroupHandle& group, const std::vector<std::string>& command);

  // Beside this program, also where it was copied to.
  static std::string launcher_program();

  std::unique_ptr<agent::CgroupDriver> groups_;
  std::map<std::string, std::unique_ptr<agent::CgroupHandle>> made_;
  std::unique_ptr<agent::RealLauncher> launcher_;
  agent::SpawnId last_spawn_ = 0;
};

}  // namespace hearth::harness
