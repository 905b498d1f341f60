// Agents come, go silent and come back (spec J1, J7).
#include <gtest/gtest.h>

#include <algorithm>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using std::chrono::seconds;
using testing::Env;

// One job of agent "a" that has started.
struct OneRunning {
  Env env;
  JobId job;
  AttemptKey key;

  OneRunning() {
    env.agent("a").join();
    job = env.submit(env.job());
    key = env.expect_assign("a", job);
    env.started("a", key);
    env.expect_ack(key);
  }
};

TEST(AgentLossTest, AClosedLinkMarksTheAgentAndItsAttemptsGoOn) {
  OneRunning t;
  t.env.disconnect("a");
  EXPECT_EQ(t.env.view("a").record.status, AgentStatus::Disconnected);
  EXPECT_EQ(t.env.state(t.job), JobState::Running);
  t.env.agent("a").holds(t.key).hello();
  EXPECT_EQ(t.env.expect_welcome("a").keep, std::vector{t.key});
  t.env.completed("a", t.key);
  t.env.expect_ack(t.key);
  EXPECT_EQ(t.env.state(t.job), JobState::Completed);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, NothingIsPlacedOnADisconnectedAgent) {
  OneRunning t;
  t.env.disconnect("a");
  const JobId other = t.env.submit(t.env.job());
  EXPECT_EQ(t.env.state(other), JobState::Queued);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, ANewIncarnationRequeuesAtOnce) {
  OneRunning t;
  t.env.agent("a").incarnation("second").join();
  const AttemptKey again = t.env.expect_assign("a", t.job);
  EXPECT_EQ(again.attempt, 2U);
  EXPECT_GT(again.epoch, t.key.epoch + 1);
  EXPECT_EQ(t.env.record(t.job).losses, 1U);
  EXPECT_EQ(t.env.rows().attempts().at({t.job, 1}).result.reason, Reason::AgentRestarted);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, ARestartedAgentStillDeliversASpooledResult) {
  OneRunning t;
  t.env.agent("a").incarnation("second").holds(t.key, true, true).hello();
  EXPECT_EQ(t.env.expect_welcome("a").keep, std::vector{t.key});
  t.env.completed("a", t.key);
  t.env.expect_ack(t.key);
  EXPECT_EQ(t.env.state(t.job), JobState::Completed);
  EXPECT_EQ(t.env.record(t.job).losses, 0U);
}

TEST(AgentLossTest, SilenceLosesTheAgentAndRaisesTheEpoch) {
  OneRunning t;
  t.env.disconnect("a");
  t.env.advance(seconds(29));
  EXPECT_EQ(t.env.state(t.job), JobState::Running);
  t.env.advance(seconds(1));
  EXPECT_EQ(t.env.state(t.job), JobState::Queued);
  EXPECT_EQ(t.env.record(t.job).epoch, t.key.epoch + 1);
  EXPECT_TRUE(t.env.controller().agents(t.env.now()).empty());
  ASSERT_EQ(t.env.controller().dead_agents().size(), 1U);
  EXPECT_EQ(t.env.rows().agents().at(AgentId("a")).status, AgentStatus::Dead);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, AHalfOpenLinkIsSilenceTooAndIsClosed) {
  OneRunning t;
  t.env.silence("a");
  t.env.advance(seconds(31));
  EXPECT_EQ(t.env.state(t.job), JobState::Queued);
  EXPECT_EQ(t.env.expect_reject("a").kind, "agent_lost");
  // What still comes through the old connection is answered with its end, and changes nothing.
  t.env.completed("a", t.key);
  EXPECT_EQ(t.env.expect_reject("a").kind, "agent_lost");
  EXPECT_EQ(t.env.state(t.job), JobState::Queued);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, AnAttemptThatReturnsBeforeANewOneIsAdopted) {
  OneRunning t;
  t.env.disconnect("a");
  t.env.advance(seconds(31));
  EXPECT_EQ(t.env.state(t.job), JobState::Queued);
  t.env.agent("a").holds(t.key).hello();
  const Welcome welcome = t.env.expect_welcome("a");
  EXPECT_EQ(welcome.keep, std::vector{t.key});
  EXPECT_TRUE(welcome.stop.empty());
  EXPECT_EQ(t.env.state(t.job), JobState::Running);
  EXPECT_EQ(t.env.record(t.job).losses, 0U);
  EXPECT_FALSE(t.env.rows().attempts().at({t.job, 1}).ended_at.has_value());
  t.env.completed("a", t.key);
  t.env.expect_ack(t.key);
  EXPECT_EQ(t.env.state(t.job), JobState::Completed);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, AnAdoptedAttemptThatIsLostAgainLeavesItsEpochBehind) {
  OneRunning t;
  t.env.disconnect("a");
  t.env.advance(seconds(31));
  t.env.agent("a").holds(t.key).join();
  t.env.disconnect("a");
  t.env.advance(seconds(31));
  t.env.agent("b").join();
  const AttemptKey second = t.env.expect_assign("b", t.job);
  EXPECT_GT(second.epoch, t.key.epoch);
  EXPECT_EQ(second.attempt, 2U);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, AnAttemptThatReturnsTooLateIsStoppedAndItsResultRefused) {
  OneRunning t;
  t.env.disconnect("a");
  t.env.advance(seconds(31));
  t.env.agent("b").join();
  t.env.expect_assign("b", t.job);
  t.env.agent("a").holds(t.key).hello();
  const Welcome welcome = t.env.expect_welcome("a");
  EXPECT_TRUE(welcome.keep.empty());
  EXPECT_EQ(welcome.stop, std::vector{t.key});
  t.env.completed("a", t.key);
  t.env.expect_ack(t.key, false);
  EXPECT_EQ(t.env.controller().stale_reports(), 1U);
  EXPECT_EQ(t.env.state(t.job), JobState::Assigned);
  t.env.started("a", t.key);
  t.env.expect_ack(t.key, false);
  t.env.expect_stop(t.key);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, MaxLostEndsTheJob) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().max_lost(1));
  env.expect_assign("a", job);
  env.agent("a").incarnation("2").join();
  const AttemptKey second = env.expect_assign("a", job);
  env.agent("a").incarnation("3").holds(second, true, false).hello();
  EXPECT_EQ(env.expect_welcome("a").stop, std::vector{second});
  EXPECT_EQ(env.state(job), JobState::Failed);
  EXPECT_EQ(env.record(job).reason, Reason::AgentRestarted);
  EXPECT_EQ(env.record(job).losses, 2U);
  EXPECT_EQ(env.record(job).failures, 0U);
  EXPECT_NE(env.record(job).message.find("maxLost of 1"), std::string::npos);
  env.expect_no_more_effects();
}

TEST(AgentLossTest, AReportedLossIsNoFailureOfTheJob) {
  OneRunning t;
  AttemptResult evicted;
  evicted.state = JobState::Failed;
  evicted.reason = Reason::Drained;
  t.env.draining("a");
  t.env.finished("a", t.key, evicted);
  t.env.expect_ack(t.key);
  EXPECT_EQ(t.env.state(t.job), JobState::Queued);
  EXPECT_EQ(t.env.record(t.job).losses, 1U);
  EXPECT_EQ(t.env.record(t.job).failures, 0U);
  t.env.finished("a", t.key, evicted);
  t.env.expect_ack(t.key);
  t.env.expect_no_more_effects();
}

TEST(AgentLossTest, AssignmentsThatWereLostOnTheWayAreSentAgain) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  const AttemptKey key = env.expect_assign("a", job);
  env.disconnect("a");
  env.agent("a").join();
  EXPECT_EQ(env.expect_assign("a", job), key);
  env.expect_no_more_effects();
}

TEST(AgentLossTest, ARunningAttemptThatTheSameProcessHasForgottenIsRequeued) {
  OneRunning t;
  t.env.agent("a").join();
  EXPECT_EQ(t.env.record(t.job).losses, 1U);
  EXPECT_EQ(t.env.expect_assign("a", t.job).attempt, 2U);
}

TEST(AgentLossTest, SurvivesARestartOfTheController) {
  OneRunning t;
  t.env.restart();
  EXPECT_EQ(t.env.view("a").record.status, AgentStatus::Disconnected);
  t.env.advance(seconds(20));
  t.env.agent("a").holds(t.key).hello();
  EXPECT_EQ(t.env.expect_welcome("a").keep, std::vector{t.key});
  t.env.completed("a", t.key);
  t.env.expect_ack(t.key);
  EXPECT_EQ(t.env.state(t.job), JobState::Completed);
}

TEST(AgentLossTest, AnAgentThatNeverReturnsAfterARestartIsLost) {
  OneRunning t;
  t.env.restart();
  t.env.advance(seconds(31));
  EXPECT_EQ(t.env.state(t.job), JobState::Queued);
}

TEST(AgentLossTest, WhatIsKeptFitsIntoTheCapacityAnnouncedNow) {
  Env env;
  env.agent("a").cpus(4).join();
  const JobId first = env.submit(env.job().cpus(2));
  const JobId second = env.submit(env.job().cpus(2));
  const AttemptKey one = env.expect_assign("a", first);
  const AttemptKey two = env.expect_assign("a", second);
  env.agent("a").cpus(3).holds(one).holds(two).hello();
  const Welcome welcome = env.expect_welcome("a");
  EXPECT_EQ(welcome.keep, std::vector{one});
  EXPECT_EQ(welcome.stop, std::vector{two});
  EXPECT_EQ(env.state(second), JobState::Queued);
}

TEST(HelloTest, TwoLiveAgentsWithOneIdConflict) {
  OneRunning t;
  t.env.send(AgentHello{99, {.id = AgentId("a"), .type = {}, .instance = "elsewhere"}, {}});
  const Error error = t.env.expect_reject("a");
  EXPECT_EQ(error.kind, "conflict");
  EXPECT_NE(error.message.find("--id"), std::string::npos);
  t.env.completed("a", t.key);
  t.env.expect_ack(t.key);
  t.env.expect_no_more_effects();
}

TEST(HelloTest, ANewMachineTakesOverTheIdOfADisconnectedOne) {
  OneRunning t;
  t.env.disconnect("a");
  t.env.agent("a").instance("elsewhere").incarnation("other").join();
  EXPECT_EQ(t.env.expect_assign("a", t.job).attempt, 2U);
  EXPECT_EQ(t.env.rows().attempts().at({t.job, 1}).result.reason, Reason::AgentLost);
}

TEST(HelloTest, MessagesOfAnOlderLinkAreIgnored) {
  OneRunning t;
  const std::uint64_t old = t.env.link_of("a");
  t.env.agent("a").holds(t.key).join();
  t.env.send(AgentLinkClosed{old, AgentId("a")});
  EXPECT_NE(t.env.view("a").record.status, AgentStatus::Disconnected);
  t.env.send(AttemptFinished{old, AgentId("a"), t.key, {}, {}});
  EXPECT_EQ(t.env.state(t.job), JobState::Running);
  t.env.send(AgentHello{old, {.id = AgentId("a"), .type = {}, .instance = "a-data"}, {}});
  t.env.expect_no_more_effects();
}

TEST(HelloTest, RefusesNonsenseAndMoreAgentsThanTheLimit) {
  Options options;
  options.agents_max = 1;
  Env env(options);
  env.agent("bad id").hello();
  EXPECT_EQ(env.expect_reject("bad id").kind, "invalid_field");
  env.agent("negative").cpus(-1).hello();
  EXPECT_EQ(env.expect_reject("negative").field, "capacity");
  env.agent("a").join();
  env.agent("b").hello();
  const Error error = env.expect_reject("b");
  EXPECT_EQ(error.limit, "agents_max");
  EXPECT_EQ(error.limit_value, 1);
  env.expect_no_more_effects();
}

TEST(HelloTest, DeadAgentsAreBoundedHistoryAndComeBackAsThemselves) {
  Options options;
  options.dead_agents_max = 2;
  Env env(options);
  for (const char* id : {"a", "b", "c"}) {
    env.agent(id).join();
    env.disconnect(id);
    env.advance(seconds(31));
  }
  const auto dead = env.controller().dead_agents();
  ASSERT_EQ(dead.size(), 2U);
  EXPECT_EQ(dead[0].info.id, AgentId("b"));
  const TimePoint first_seen = dead[1].first_seen_at;
  env.agent("c").join();
  EXPECT_EQ(env.view("c").record.first_seen_at, first_seen);
  EXPECT_EQ(env.controller().dead_agents().size(), 1U);
}

TEST(DrainTest, NothingNewIsPlacedAndWhatRunsGoesOn) {
  OneRunning t;
  t.env.drain("a");
  t.env.expect_drain("a");
  const JobId other = t.env.submit(t.env.job());
  EXPECT_EQ(t.env.state(other), JobState::Queued);
  EXPECT_EQ(t.env.view("a").record.status, AgentStatus::Draining);
  t.env.completed("a", t.key);
  t.env.expect_ack(t.key);
  EXPECT_EQ(t.env.state(other), JobState::Queued);
  t.env.drain("a", false);
  t.env.expect_assign("a", other);
  t.env.expect_no_more_effects();
}

TEST(DrainTest, TheOperatorsDrainOutlivesRestartsOfBoth) {
  Env env;
  env.agent("a").join();
  env.drain("a");
  env.expect_drain("a");
  env.restart();
  env.agent("a").incarnation("second").join();
  env.expect_drain("a");
  env.submit(env.job());
  env.expect_no_more_effects();
}

TEST(DrainTest, TheAgentsOwnDrainEndsWithItsProcess) {
  Env env;
  env.agent("a").join();
  env.draining("a");
  const JobId job = env.submit(env.job());
  env.agent("a").join();
  EXPECT_EQ(env.state(job), JobState::Queued);
  env.agent("a").incarnation("second").join();
  env.expect_assign("a", job);
  env.expect_no_more_effects();
}

TEST(DrainTest, AnAgentThatLeavesAfterDrainingIsGoneAtOnce) {
  Env env;
  env.agent("a").join();
  env.draining("a");
  env.disconnect("a");
  EXPECT_TRUE(env.controller().agents(env.now()).empty());
  EXPECT_EQ(env.rows().agents().at(AgentId("a")).status, AgentStatus::Dead);
}

TEST(DrainTest, AnUnknownAgentIsNotFound) {
  Env env;
  Decision decision;
  env.controller().decide(DrainAgent{5, AgentId("nobody"), true}, env.now(), decision);
  const auto& reply = std::get<ReplyDrain>(decision.effects.at(0));
  EXPECT_EQ(reply.outcome.error().code, ErrorCode::NotFound);
}

TEST(RestoreTest, AJobOnAnAgentThatTheStoreHasLostIsRequeued) {
  OneRunning t;
  Snapshot snapshot = t.env.rows().snapshot(2);
  snapshot.agents.clear();
  Controller other{Options{}};
  other.restore(snapshot, t.env.now());
  EXPECT_EQ(other.next_deadline(t.env.now()), t.env.now());
  Decision decision;
  other.decide(Tick{}, t.env.now(), decision);
  other.check_invariants();
  EXPECT_EQ(other.find(t.job)->state, JobState::Queued);
  EXPECT_EQ(other.find(t.job)->losses, 1U);
}

}  // namespace
}  // namespace hearth::core
