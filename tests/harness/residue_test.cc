// What a test leaves behind is seen: processes, groups, files and mounts, planted one by one.
#include "tests/harness/residue.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "tests/harness/cluster.h"
#include "tests/harness/processes.h"

namespace hearth::harness {
namespace {

namespace fs = std::filesystem;

class ResidueTest : public ClusterTest {
 protected:
  ResidueTest() : residue_(scratch()) {}

  std::string first_left(const std::set<pid_t>& running = {}) const {
    const auto left = residue_.left(running, Duration::zero());
    return left.empty() ? "" : left.front();
  }

  // A data directory of an agent that does not run.
  std::string make_agent(const std::string& instance) const {
    const std::string folder = scratch("agent-x");
    fs::create_directories(folder + "/attempts");
    std::ofstream(folder + "/lock");
    std::ofstream(folder + "/instance") << instance << "\n";
    return folder;
  }

  Residue residue_;
};

TEST_F(ResidueTest, NothingIsLeftOfAnAgentThatStopped) {
  start_controller();
  Program& agent = start_agent("a");
  wait_ended(submit({{"command", {"echo", "fine"}}}));
  const auto launchers = launchers_of(agent.pid());
  EXPECT_EQ(launchers.size(), 1U);
  EXPECT_NE(first_left(), "") << "the programs";
  agent.signal(SIGTERM);
  EXPECT_EQ(agent.wait().code, 0);
  stop_controller();
  EXPECT_TRUE(residue_.left().empty()) << first_left();
}

TEST_F(ResidueTest, ProcessesAreSeen) {
  for (const auto& options :
       {Program::Options{.directory = scratch()},
        Program::Options{.environment = {{"MARK", scratch("x")}}, .directory = "/"}}) {
    const Program left(scratch(), {"sleep", "600"}, options);
    EXPECT_EQ(first_left(), "process " + std::to_string(left.pid()) + ": sleep 600 ");
    EXPECT_EQ(first_left({left.pid()}), "");
  }
}

TEST_F(ResidueTest, FilesAreSeen) {
  std::ofstream(scratch("forgotten")) << "x";
  EXPECT_EQ(first_left(), "file " + scratch() + "/forgotten");
  fs::remove(scratch("forgotten"));
  const std::string agent = make_agent("e2e-" + std::to_string(::getpid()));
  EXPECT_EQ(first_left(), "");
  fs::create_directories(agent + "/attempts/1");
  EXPECT_EQ(first_left(), "folder of an attempt " + agent + "/attempts/1");
  {
    const auto in_use = FileLock::acquire(agent + "/lock");
    ASSERT_TRUE(in_use);
    EXPECT_EQ(first_left(), "") << "kept for the next attempt";
    std::ofstream(agent + "/attempts/1/core") << "x";
    EXPECT_EQ(first_left(), "folder of an attempt " + agent + "/attempts/1");
  }
  fs::remove_all(agent + "/attempts/1");
  std::ofstream(agent + "/credential.0123.tmp") << "x";
  EXPECT_EQ(first_left(), "half-written file " + agent + "/credential.0123.tmp");
}

TEST_F(ResidueTest, FilesNamedAfterAnInstanceAreSeenElsewhere) {
  const std::string instance = "e2e-residue-" + std::to_string(::getpid());
  make_agent(instance);
  const fs::path file = "/tmp/of-" + instance;
  std::ofstream(file) << "x";
  EXPECT_EQ(first_left(), "file " + file.string());
  fs::remove(file);
  EXPECT_EQ(first_left(), "");
}

TEST_F(ResidueTest, GroupsAreSeen) {
  start_controller();
  Program& agent = start_agent("a", {"--cpu", "1"});
  const json::value agents = get("/v1/agents").body;
  if (text(agents.at("agents").at(0).as_object(), "enforcement") == "none") {
    GTEST_SKIP() << "this host has no groups to leave behind";
  }
  kill_now(agent);
  const auto left = residue_.left({}, Duration::zero());
  EXPECT_TRUE(std::any_of(left.begin(), left.end(), [](const std::string& what) {
    return what.starts_with("group /sys/fs/cgroup/");
  })) << "a killed agent leaves its folders to the next";
}

TEST_F(ResidueTest, MountsAreSeen) {
  if (::mount("none", scratch().c_str(), "tmpfs", 0, nullptr) != 0) {
    GTEST_SKIP() << "this needs the right to mount";
  }
  EXPECT_NE(first_left().find("mount "), std::string::npos) << first_left();
  EXPECT_EQ(::umount2(scratch().c_str(), MNT_DETACH), 0);
  EXPECT_EQ(first_left(), "");
}

}  // namespace
}  // namespace hearth::harness
