#include "agent/sandbox/probe.h"

#include <gtest/gtest.h>

#include <string>

#include "agent/launcher/testing/fake_launcher.h"
#include "agent/sandbox/testing/sandbox_fixture.h"

namespace hearth::agent {
namespace {

using SandboxProbeTest = SandboxFixture;

TEST_F(SandboxProbeTest, WhereSandboxesRunBothLevelsAreOffered) {
  const SandboxSupport support = probe_sandboxes(*launcher_, ranges_.get());
  EXPECT_TRUE(support.offers(SandboxLevel::None));
  EXPECT_TRUE(support.offers(SandboxLevel::Process)) << support.process_refused;
  EXPECT_TRUE(support.offers(SandboxLevel::Image)) << support.image_refused;
  EXPECT_EQ(support.process_refused, "");
  EXPECT_EQ(support.image_refused, "");
  EXPECT_EQ(ranges_->taken_here(), 1) << "only the fixture's";
}

TEST_F(SandboxProbeTest, RootWithoutARangeIsRefusedWithTheReason) {
  const SandboxSupport support = probe_sandboxes(*launcher_, nullptr);
  EXPECT_EQ(support.levels, std::vector<SandboxLevel>{SandboxLevel::None});
  EXPECT_NE(support.process_refused.find("gave no range of ids"), std::string::npos)
      << support.process_refused;
  EXPECT_EQ(support.image_refused, support.process_refused);
}

TEST_F(SandboxProbeTest, ALauncherThatDoesNotAnswerIsGivenUp) {
  FakeLauncher silent;
  const SandboxSupport support = probe_sandboxes(silent, ranges_.get(), Duration(1));
  EXPECT_FALSE(support.offers(SandboxLevel::Process));
  EXPECT_NE(support.process_refused.find("not done within 1 ms"), std::string::npos)
      << support.process_refused;
  ASSERT_EQ(silent.signals().size(), 1U);
  EXPECT_EQ(silent.signals()[0].second, SIGKILL);
}

TEST_F(SandboxProbeTest, WhatTheLauncherSaysIsPassedOn) {
  FakeLauncher launcher;
  launcher.refuse_next_spawn();
  EXPECT_EQ(probe_sandboxes(launcher, ranges_.get()).process_refused, "refused by the test");
}

}  // namespace
}  // namespace hearth::agent
