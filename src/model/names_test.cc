#include <gtest/gtest.h>

#include <set>
#include <string>

#include "model/job.h"
#include "model/job_spec.h"
#include "model/job_state.h"

namespace hearth {
namespace {

TEST(JobStateTest, EveryStateHasOneUpperCaseNameAndParsesBack) {
  std::set<std::string_view> names;
  for (int i = 0; i < kJobStateCount; ++i) {
    const auto state = static_cast<JobState>(i);
    EXPECT_TRUE(names.insert(to_string(state)).second);
    EXPECT_EQ(parse_job_state(to_string(state)), state);
    EXPECT_EQ(is_final(state), i >= 4);
  }
  EXPECT_EQ(to_string(JobState::TimedOut), "TIMED_OUT");
  EXPECT_EQ(parse_job_state("queued"), std::nullopt);
  EXPECT_EQ(parse_job_state(""), std::nullopt);
}

TEST(ReasonTest, EveryReasonHasItsOwnNameAndParsesBack) {
  std::set<std::string_view> names;
  for (int i = 0; i < kReasonCount; ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_TRUE(names.insert(to_string(reason)).second);
    EXPECT_EQ(parse_reason(to_string(reason)), reason);
  }
  EXPECT_EQ(to_string(Reason::None), "");
  EXPECT_EQ(to_string(Reason::AgentRestarted), "agent_restarted");
  EXPECT_EQ(parse_reason("no_such_reason"), std::nullopt);
}

TEST(ReasonTest, OnlyTheFleetsFaultsAreLosses) {
  std::set<Reason> losses;
  for (int i = 0; i < kReasonCount; ++i) {
    if (is_loss(static_cast<Reason>(i))) {
      losses.insert(static_cast<Reason>(i));
    }
  }
  EXPECT_EQ(losses, (std::set<Reason>{Reason::AgentLost, Reason::LauncherLost, Reason::Drained,
                                      Reason::AgentRestarted}));
}

TEST(NamesTest, SmallEnumsAreSpelledAsOnTheWire) {
  EXPECT_EQ(to_string(AgentStatus::Idle), "IDLE");
  EXPECT_EQ(to_string(AgentStatus::Busy), "BUSY");
  EXPECT_EQ(to_string(AgentStatus::Draining), "DRAINING");
  EXPECT_EQ(to_string(AgentStatus::Disconnected), "DISCONNECTED");
  EXPECT_EQ(to_string(AgentStatus::Dead), "DEAD");
  EXPECT_EQ(parse_stream("stdout"), StreamKind::Stdout);
  EXPECT_EQ(parse_stream("stderr"), StreamKind::Stderr);
  EXPECT_EQ(parse_stream("stdin"), std::nullopt);
  EXPECT_EQ(to_string(Enforcement::Hybrid), "hybrid");
  EXPECT_EQ(to_string(SandboxLevel::Process), "process");
  EXPECT_EQ(to_string(DependencyCondition::NotOk), "notok");
  EXPECT_EQ(to_string(OnInfeasible::Reject), "reject");
  EXPECT_EQ(to_string(OnOutputLimit::Kill), "kill");
  EXPECT_EQ(to_string(JobEventKind::CancelRequested), "cancel_requested");
}

TEST(NamesTest, ValuesOutsideTheirEnumAreShownAsUnknown) {
  EXPECT_EQ(to_string(static_cast<JobState>(200)), "unknown");
  EXPECT_EQ(to_string(static_cast<Reason>(200)), "unknown");
  EXPECT_EQ(to_string(static_cast<DependencyCondition>(200)), "unknown");
  EXPECT_EQ(to_string(static_cast<SandboxLevel>(200)), "unknown");
  EXPECT_EQ(to_string(static_cast<JobEventKind>(200)), "unknown");
}

}  // namespace
}  // namespace hearth
