#include "agent/core/agent_core.h"

#include <gtest/gtest.h>

#include "agent/core/testing/agent_core_fixture.h"

namespace hearth::agent {
namespace {

using testing::AgentCoreTest;
using testing::key_of;
using testing::Lines;

TEST_F(AgentCoreTest, RunsSpoolsReportsAndForgets) {
  link_up();
  EXPECT_EQ(handle(assign_of(key_of(7))), Lines{"start 7/1@1"});
  EXPECT_EQ(core_.running(), 1);
  EXPECT_EQ(handle(SpawnDone{key_of(7)}), Lines{"started 7/1@1"});
  EXPECT_EQ(ack_started(key_of(7)), Lines{});
  EXPECT_EQ(exit_with(key_of(7), 0), (Lines{"spool 7/1@1 COMPLETED", "finished 7/1@1 COMPLETED"}));
  EXPECT_EQ(core_.running(), 0);
  EXPECT_EQ(core_.held().size(), 1U);
  EXPECT_EQ(ack_finished(key_of(7)), Lines{"forget 7/1@1"});
  EXPECT_TRUE(core_.held().empty());
  expect_no_more_effects();
}

TEST_F(AgentCoreTest, RepeatedAssignOfAHeldAttemptDoesNothing) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(handle(assign_of(key_of(7))), Lines{});
  exit_with(key_of(7), 0);
  EXPECT_EQ(handle(assign_of(key_of(7))), Lines{});
  EXPECT_EQ(core_.held().size(), 1U);
}

TEST_F(AgentCoreTest, RefusesEveryOrderOfADeposedController) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(core_.controller_epoch_seen(), 3U);
  controller_epoch_ = 2;
  EXPECT_EQ(handle(assign_of(key_of(8))), Lines{});
  EXPECT_EQ(cancel(key_of(7)), Lines{});
  EXPECT_EQ(stop(key_of(7)), Lines{});
  EXPECT_EQ(link_up(), Lines{});
  EXPECT_EQ(handle(DrainOrder{2}), Lines{});
  EXPECT_FALSE(core_.draining());
  controller_epoch_ = 3;
  exit_with(key_of(7), 0);
  controller_epoch_ = 2;
  EXPECT_EQ(ack_finished(key_of(7)), Lines{});
  EXPECT_EQ(core_.held().size(), 1U);
  EXPECT_EQ(core_.controller_epoch_seen(), 3U);
}

TEST_F(AgentCoreTest, NewerEpochStopsTheOlderAttemptAndWaitsForItsEnd) {
  link_up();
  start_running(key_of(7, 1, 1));
  EXPECT_EQ(handle(assign_of(key_of(7, 2, 3))), Lines{"kill 7/1@1"});
  ASSERT_EQ(core_.held().size(), 1U);
  EXPECT_EQ(core_.held()[0].key, key_of(7, 2, 3));
  EXPECT_EQ(die_of(key_of(7, 1, 1), 9), (Lines{"forget 7/1@1", "start 7/2@3"}));
}

TEST_F(AgentCoreTest, OlderEpochOfAHeldJobIsRefused) {
  link_up();
  start_running(key_of(7, 2, 3));
  EXPECT_EQ(handle(assign_of(key_of(7, 1, 1))), Lines{});
  EXPECT_EQ(core_.held().size(), 1U);
}

TEST_F(AgentCoreTest, NewerAttemptDropsAnUnacknowledgedOlderResult) {
  link_up();
  start_running(key_of(7, 1, 1));
  exit_with(key_of(7, 1, 1), 1);
  EXPECT_EQ(handle(assign_of(key_of(7, 2, 2))), (Lines{"forget 7/1@1", "start 7/2@2"}));
}

TEST_F(AgentCoreTest, CancelTerminatesThenKillsUntilItEnds) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(cancel(key_of(7)), Lines{"terminate 7/1@1"});
  EXPECT_EQ(cancel(key_of(7)), Lines{});
  EXPECT_EQ(pass(Duration(4'999)), Lines{});
  EXPECT_EQ(pass(Duration(1)), Lines{"kill 7/1@1"});
  EXPECT_EQ(pass_to_deadline(), Lines{"kill 7/1@1"});
  EXPECT_EQ(pass_to_deadline(), Lines{"kill 7/1@1"});
  EXPECT_EQ(die_of(key_of(7), 9), (Lines{"spool 7/1@1 CANCELLED cancel_requested",
                                         "finished 7/1@1 CANCELLED cancel_requested"}));
  EXPECT_EQ(ack_finished(key_of(7)), Lines{"forget 7/1@1"});
  expect_no_more_effects();
}

TEST_F(AgentCoreTest, TimesBeyondAnyJobsAreTakenAsTheLongest) {
  Assign order = assign_of(key_of(7));
  order.timeout = Duration::max();
  order.grace = Duration::max();
  EXPECT_EQ(handle(order), Lines{"start 7/1@1"});
  EXPECT_EQ(handle(SpawnDone{key_of(7)}), Lines{});
  EXPECT_EQ(core_.next_deadline(), now_ + limits::kTimeoutMax + Duration(1));
  EXPECT_EQ(pass_to_deadline(), Lines{"terminate 7/1@1"});
  EXPECT_EQ(core_.next_deadline(), now_ + limits::kGraceMax);

  order = assign_of(key_of(8));
  order.timeout = Duration::min();
  EXPECT_EQ(handle(order), Lines{"start 8/1@1"});
  handle(SpawnDone{key_of(8)});
  EXPECT_EQ(pass(Duration(1)), Lines{"terminate 8/1@1"}) << "no time at all";
}

TEST_F(AgentCoreTest, AnAttemptWithoutAnEpochIsNoOrder) {
  EXPECT_EQ(handle(assign_of(key_of(7, 1, 0))), Lines{});
  EXPECT_EQ(core_.running(), 0);
}

TEST_F(AgentCoreTest, ZeroGraceKillsAtOnce) {
  link_up();
  Assign assign = assign_of(key_of(7));
  assign.grace = Duration(0);
  handle(assign);
  handle(SpawnDone{key_of(7)});
  EXPECT_EQ(cancel(key_of(7)), Lines{"kill 7/1@1"});
}

TEST_F(AgentCoreTest, CancelWhileStartingGivesTheFullGraceFromTheStart) {
  link_up();
  handle(assign_of(key_of(7)));
  EXPECT_EQ(cancel(key_of(7)), Lines{"terminate 7/1@1"});
  now_ += Duration(4'000);
  EXPECT_EQ(handle(SpawnDone{key_of(7)}), (Lines{"started 7/1@1", "terminate 7/1@1"}));
  EXPECT_EQ(pass(Duration(4'999)), Lines{});
  EXPECT_EQ(pass(Duration(1)), Lines{"kill 7/1@1"});
  EXPECT_EQ(exit_with(key_of(7), 0).back(), "finished 7/1@1 CANCELLED cancel_requested");
}

TEST_F(AgentCoreTest, CancelWhileASpawnHangsKills) {
  link_up();
  handle(assign_of(key_of(7)));
  cancel(key_of(7));
  EXPECT_EQ(pass(Duration(5'000)), Lines{"kill 7/1@1"});
  EXPECT_EQ(handle(SpawnFailed{key_of(7), Reason::SpawnFailed, "killed"}).back(),
            "finished 7/1@1 CANCELLED cancel_requested");
}

TEST_F(AgentCoreTest, CancelOfAnAttemptThatWaitsForItsPredecessorEndsItAtOnce) {
  link_up();
  start_running(key_of(7, 1, 1));
  handle(assign_of(key_of(7, 2, 2)));
  EXPECT_EQ(cancel(key_of(7, 2, 2)), (Lines{"spool 7/2@2 CANCELLED cancel_requested",
                                            "finished 7/2@2 CANCELLED cancel_requested"}));
  EXPECT_EQ(die_of(key_of(7, 1, 1), 9), Lines{"forget 7/1@1"});
}

TEST_F(AgentCoreTest, CancelAfterTheEndChangesNothing) {
  link_up();
  start_running(key_of(7));
  exit_with(key_of(7), 0);
  EXPECT_EQ(cancel(key_of(7)), Lines{});
  EXPECT_EQ(last_result_.state, JobState::Completed);
  EXPECT_EQ(cancel(key_of(99)), Lines{});
}

TEST_F(AgentCoreTest, TimeLimitRunsFromProcessStartAlsoWhileCutOff) {
  link_up();
  handle(assign_of(key_of(7)));
  now_ += Duration(50'000);  // a slow spawn does not count
  handle(SpawnDone{key_of(7)});
  handle(LinkDown{});
  EXPECT_EQ(pass(Duration(60'000)), Lines{}) << "it may have begun almost a millisecond later";
  EXPECT_EQ(pass(Duration(1)), Lines{"terminate 7/1@1"});
  EXPECT_EQ(pass_to_deadline(), Lines{"kill 7/1@1"});
  EXPECT_EQ(die_of(key_of(7), 9), Lines{"spool 7/1@1 TIMED_OUT timed_out"});
  expect_no_more_effects();
  EXPECT_EQ(link_up({key_of(7)}), (Lines{"started 7/1@1", "finished 7/1@1 TIMED_OUT timed_out"}));
}

TEST_F(AgentCoreTest, CancelDuringATimeoutsGraceKeepsTheKillTimeAndWins) {
  link_up();
  start_running(key_of(7));
  pass(Duration(60'001));
  now_ += Duration(4'000);
  EXPECT_EQ(cancel(key_of(7)), Lines{});
  EXPECT_EQ(pass(Duration(1'000)), Lines{"kill 7/1@1"});
  EXPECT_EQ(die_of(key_of(7), 9).back(), "finished 7/1@1 CANCELLED cancel_requested");
}

TEST_F(AgentCoreTest, StopKillsSaysNothingAndForgetsAtTheEnd) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(stop(key_of(7)), Lines{"kill 7/1@1"});
  EXPECT_EQ(stop(key_of(7)), Lines{});
  EXPECT_TRUE(core_.held().empty());
  EXPECT_EQ(core_.running(), 1);
  EXPECT_EQ(pass_to_deadline(), Lines{"kill 7/1@1"});
  EXPECT_EQ(die_of(key_of(7), 9), Lines{"forget 7/1@1"});
  EXPECT_EQ(core_.running(), 0);
  EXPECT_EQ(stop(key_of(7)), Lines{});
  expect_no_more_effects();
}

TEST_F(AgentCoreTest, StopWhileStartingKillsAgainOnceThereIsAProcess) {
  link_up();
  handle(assign_of(key_of(7)));
  EXPECT_EQ(stop(key_of(7)), Lines{"kill 7/1@1"});
  EXPECT_EQ(handle(SpawnDone{key_of(7)}), Lines{"kill 7/1@1"});
  EXPECT_EQ(die_of(key_of(7), 9), Lines{"forget 7/1@1"});
}

TEST_F(AgentCoreTest, StopOfASpooledResultDropsIt) {
  link_up();
  start_running(key_of(7));
  handle(LinkDown{});
  exit_with(key_of(7), 0);
  EXPECT_EQ(link_up({}, {key_of(7)}), Lines{"forget 7/1@1"});
  expect_no_more_effects();
}

TEST_F(AgentCoreTest, ReportsAreRepeatedAfterEachWelcomeUntilAcknowledged) {
  handle(LinkUp{3, {}, {}});
  start_running(key_of(7));
  handle(LinkDown{});
  EXPECT_EQ(link_up({key_of(7)}), Lines{"started 7/1@1"});
  EXPECT_EQ(link_up({key_of(7)}), Lines{"started 7/1@1"});
  ack_started(key_of(7));
  EXPECT_EQ(link_up({key_of(7)}), Lines{});
  handle(LinkDown{});
  EXPECT_EQ(exit_with(key_of(7), 2), Lines{"spool 7/1@1 FAILED exit_nonzero"});
  EXPECT_EQ(link_up({key_of(7)}), Lines{"finished 7/1@1 FAILED exit_nonzero"});
  EXPECT_EQ(link_up({key_of(7)}), Lines{"finished 7/1@1 FAILED exit_nonzero"});
  EXPECT_EQ(ack_finished(key_of(7)), Lines{"forget 7/1@1"});
  EXPECT_EQ(link_up(), Lines{});
}

TEST_F(AgentCoreTest, WelcomeStopsWhatItDoesNotKeep) {
  link_up();
  start_running(key_of(7));
  start_running(key_of(8));
  start_running(key_of(9));
  handle(LinkDown{});
  EXPECT_EQ(link_up({key_of(9)}, {key_of(7)}),
            (Lines{"started 9/1@1", "kill 7/1@1", "kill 8/1@1"}));
  ASSERT_EQ(core_.held().size(), 1U);
  EXPECT_EQ(core_.held()[0].key, key_of(9));
}

TEST_F(AgentCoreTest, HeldTellsWhatStartedAndWhatFinished) {
  link_up();
  handle(assign_of(key_of(7)));
  start_running(key_of(8));
  start_running(key_of(9));
  exit_with(key_of(9), 0);
  const auto held = core_.held();
  ASSERT_EQ(held.size(), 3U);
  EXPECT_FALSE(held[0].started);
  EXPECT_TRUE(held[1].started);
  EXPECT_FALSE(held[1].finished);
  EXPECT_TRUE(held[2].finished);
}

TEST_F(AgentCoreTest, RefusedFinishedIsForgotten) {
  link_up();
  start_running(key_of(7));
  exit_with(key_of(7), 0);
  EXPECT_EQ(ack_finished(key_of(7), false), Lines{"forget 7/1@1"});
}

TEST_F(AgentCoreTest, RefusedStartedStopsTheAttempt) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(ack_started(key_of(7), false), Lines{"kill 7/1@1"});
  EXPECT_EQ(exit_with(key_of(7), 0), Lines{"forget 7/1@1"});
}

TEST_F(AgentCoreTest, RefusedStartedAfterTheEndWaitsForTheAnswerToFinished) {
  link_up();
  start_running(key_of(7));
  exit_with(key_of(7), 0);
  EXPECT_EQ(ack_started(key_of(7), false), Lines{});
  EXPECT_EQ(core_.held().size(), 1U);
}

TEST_F(AgentCoreTest, AcknowledgedFinishedOfARunningAttemptChangesNothing) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(ack_finished(key_of(7)), Lines{});
  EXPECT_EQ(core_.running(), 1);
}

TEST_F(AgentCoreTest, SpawnFailureIsAResult) {
  link_up();
  handle(assign_of(key_of(7)));
  EXPECT_EQ(handle(SpawnFailed{key_of(7), Reason::NotExecutable, "not executable: /etc/passwd"}),
            (Lines{"spool 7/1@1 FAILED not_executable", "finished 7/1@1 FAILED not_executable"}));
  EXPECT_EQ(last_result_.message, "not executable: /etc/passwd");
}

TEST_F(AgentCoreTest, OneThatWasSaidToRunAndCouldNotIsAResultToo) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(handle(SpawnFailed{key_of(7), Reason::SandboxError, "no room"}).back(),
            "finished 7/1@1 FAILED sandbox_error");
}

TEST_F(AgentCoreTest, EndWithoutASpawnReportIsAResult) {
  link_up();
  handle(assign_of(key_of(7)));
  EXPECT_EQ(handle(ProcessEnded{.key = key_of(7), .launcher_lost = true}).back(),
            "finished 7/1@1 FAILED launcher_lost");
}

TEST_F(AgentCoreTest, OutputLimitKillsOnlyWhereTheJobAsksForIt) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(handle(OutputLimitReached{key_of(7)}), Lines{});
  kill_on_output_limit_ = true;
  start_running(key_of(8));
  EXPECT_EQ(handle(OutputLimitReached{key_of(8)}), Lines{"kill 8/1@1"});
  EXPECT_EQ(die_of(key_of(8), 9).back(), "finished 8/1@1 FAILED output_limit");
}

// A fast writer passes the bound before its start is known, and the bound is told only once.
TEST_F(AgentCoreTest, OutputLimitBeforeTheStartIsKnownKillsToo) {
  link_up();
  kill_on_output_limit_ = true;
  handle(assign_of(key_of(7)));
  EXPECT_EQ(handle(OutputLimitReached{key_of(7)}), Lines{"kill 7/1@1"});
  EXPECT_EQ(handle(SpawnDone{key_of(7)}).back(), "kill 7/1@1");
  EXPECT_EQ(die_of(key_of(7), 9).back(), "finished 7/1@1 FAILED output_limit");
}

TEST_F(AgentCoreTest, EventsOfUnknownAttemptsAreIgnored) {
  link_up();
  EXPECT_EQ(handle(SpawnDone{key_of(1)}), Lines{});
  EXPECT_EQ(handle(SpawnFailed{key_of(1), Reason::SpawnFailed, ""}), Lines{});
  EXPECT_EQ(exit_with(key_of(1), 0), Lines{});
  EXPECT_EQ(handle(OutputLimitReached{key_of(1)}), Lines{});
  EXPECT_EQ(ack_finished(key_of(1)), Lines{});
  EXPECT_EQ(stop(key_of(1)), Lines{});
  expect_no_more_effects();
}

TEST_F(AgentCoreTest, DrainEndsWhenNothingIsHeld) {
  link_up();
  start_running(key_of(7));
  EXPECT_EQ(handle(BeginDrain{Duration(30'000)}), Lines{"draining"});
  EXPECT_EQ(handle(BeginDrain{Duration(1)}), Lines{});
  EXPECT_TRUE(core_.draining());
  exit_with(key_of(7), 0);
  EXPECT_EQ(ack_finished(key_of(7)), (Lines{"forget 7/1@1", "drained"}));
  EXPECT_EQ(handle(assign_of(key_of(8))), Lines{});
  expect_no_more_effects();
}

TEST_F(AgentCoreTest, DrainOfAnIdleAgentEndsAtOnce) {
  link_up();
  EXPECT_EQ(handle(BeginDrain{Duration(30'000)}), (Lines{"draining", "drained"}));
}

TEST_F(AgentCoreTest, DrainDeadlineEvictsWhatStillRuns) {
  link_up();
  start_running(key_of(7));
  handle(assign_of(key_of(8)));
  handle(BeginDrain{Duration(30'000)});
  EXPECT_EQ(pass_to_deadline(), (Lines{"kill 7/1@1", "kill 8/1@1"}));
  EXPECT_EQ(die_of(key_of(7), 9).back(), "finished 7/1@1 FAILED drained");
  EXPECT_EQ(handle(SpawnFailed{key_of(8), Reason::SpawnFailed, ""}).back(),
            "finished 8/1@1 FAILED drained");
  EXPECT_EQ(handle(assign_of(key_of(9))).back(), "finished 9/1@1 FAILED drained");
  ack_finished(key_of(7));
  ack_finished(key_of(8));
  EXPECT_EQ(ack_finished(key_of(9)).back(), "drained");
}

TEST_F(AgentCoreTest, DrainWaitsABoundedTimeForAnAbsentController) {
  link_up();
  start_running(key_of(7));
  handle(LinkDown{});
  EXPECT_EQ(handle(BeginDrain{Duration(30'000)}), Lines{});
  exit_with(key_of(7), 0);
  EXPECT_EQ(pass(Duration(30'000)), Lines{});
  EXPECT_EQ(pass_to_deadline(), Lines{"drained"});
  expect_no_more_effects();
}

TEST_F(AgentCoreTest, DrainIsSaidAgainOnEachWelcome) {
  link_up();
  start_running(key_of(7));
  ack_started(key_of(7));
  handle(BeginDrain{Duration(30'000)});
  EXPECT_EQ(link_up({key_of(7)}), Lines{"draining"});
}

TEST_F(AgentCoreTest, ControllersDrainLastsUntilItAssignsAgain) {
  link_up();
  handle(DrainOrder{3});
  EXPECT_TRUE(core_.draining());
  handle(assign_of(key_of(7)));
  EXPECT_FALSE(core_.draining());
}

}  // namespace
}  // namespace hearth::agent
