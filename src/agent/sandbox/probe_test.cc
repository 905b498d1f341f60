#include "agent/sandbox/probe.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>

#include "agent/launcher/testing/fake_launcher.h"
#include "agent/sandbox/testing/sandbox_fixture.h"

namespace hearth::agent {
namespace {

class SandboxProbeTest : public SandboxFixture {
 protected:
  SystemClock clock_;
};

TEST_F(SandboxProbeTest, WhereSandboxesRunBothLevelsAreOffered) {
  const SandboxSupport support = probe_sandboxes(*launcher_, ranges_.get(), clock_);
  EXPECT_TRUE(support.offers(SandboxLevel::None));
  EXPECT_TRUE(support.offers(SandboxLevel::Process)) << support.process_refused;
  EXPECT_TRUE(support.offers(SandboxLevel::Image)) << support.image_refused;
  EXPECT_EQ(support.process_refused, "");
  EXPECT_EQ(support.image_refused, "");
  EXPECT_EQ(ranges_->taken_here(), 1) << "only the fixture's";
}

TEST_F(SandboxProbeTest, RootWithoutARangeIsRefusedWithTheReason) {
  const SandboxSupport support = probe_sandboxes(*launcher_, nullptr, clock_);
  EXPECT_EQ(support.levels, std::vector<SandboxLevel>{SandboxLevel::None});
  EXPECT_NE(support.process_refused.find("gave no range of ids"), std::string::npos)
      << support.process_refused;
  EXPECT_EQ(support.image_refused, support.process_refused);
}

// Of an agent that is not root: its own user is the task inside.
TEST_F(SandboxProbeTest, AnAgentWithoutRootOffersThemToo) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP()
      << "NOT RUN HERE: the sanitizer has a thread in each child, and the kernel lets only "
         "processes of one thread into a user namespace";
#endif
  const std::string program = folder_.file("launcher");
  std::filesystem::copy_file(launcher_program(), program);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t agent = fork();
  if (agent == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) {
      _exit(1);
    }
    prctl(PR_SET_DUMPABLE, 1);  // as a process started by that user is
    std::string answer = "no launcher";
    if (auto launcher = RealLauncher::start({.helper_path = program})) {
      const SandboxSupport support = probe_sandboxes(**launcher, nullptr, clock_);
      answer = "process:" + support.process_refused + " image:" + support.image_refused;
    }
    [[maybe_unused]] const ssize_t written = write(ends[1], answer.data(), answer.size());
    _exit(0);
  }
  close(ends[1]);
  const std::string answer = read_to_end(ends[0]);
  close(ends[0]);
  EXPECT_EQ(waitpid(agent, nullptr, 0), agent);
  if (answer.find("user namespaces") != std::string::npos) {
    GTEST_SKIP() << "NOT RUN HERE: " << answer;
  }
  EXPECT_EQ(answer, "process: image:");
}

TEST_F(SandboxProbeTest, ALauncherThatDoesNotAnswerIsGivenUp) {
  FakeLauncher silent;
  const SandboxSupport support = probe_sandboxes(silent, ranges_.get(), clock_, Duration(1));
  EXPECT_FALSE(support.offers(SandboxLevel::Process));
  EXPECT_NE(support.process_refused.find("not done within 1 ms"), std::string::npos)
      << support.process_refused;
  ASSERT_EQ(silent.signals().size(), 1U);
  EXPECT_EQ(silent.signals()[0].second, SIGKILL);
}

TEST_F(SandboxProbeTest, WhatTheLauncherSaysIsPassedOn) {
  FakeLauncher launcher;
  launcher.refuse_next_spawn();
  EXPECT_EQ(probe_sandboxes(launcher, ranges_.get(), clock_).process_refused,
            "refused by the test");
}

}  // namespace
}  // namespace hearth::agent
