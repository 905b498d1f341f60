// One job's way through the states, its ends, retries and cancels.
#include <gtest/gtest.h>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using std::chrono::seconds;
using testing::Env;

TEST(LifecycleTest, RunsOneJobThroughAllStates) {
  Env env;
  env.agent("a").cpus(8).join();
  const JobId job = env.submit(env.job().cpus(2));
  EXPECT_EQ(env.state(job), JobState::Assigned);
  const AttemptKey key = env.expect_assign("a", job);
  EXPECT_EQ(env.view("a").reserved.cpu_milli, 2'000);
  EXPECT_EQ(env.view("a").record.status, AgentStatus::Busy);
  env.advance(seconds(1));
  env.started("a", key);
  env.expect_ack(key);
  EXPECT_EQ(env.state(job), JobState::Running);
  env.advance(seconds(1));
  env.completed("a", key);
  env.expect_ack(key);
  const JobRecord& record = env.record(job);
  EXPECT_EQ(record.state, JobState::Completed);
  EXPECT_EQ(record.exit_code, 0);
  EXPECT_EQ(*record.completed_at - record.created_at, seconds(2));
  EXPECT_EQ(env.view("a").record.status, AgentStatus::Idle);
  EXPECT_EQ(env.view("a").record.done, 1);
  EXPECT_TRUE(env.view("a").reserved.is_zero());
  EXPECT_EQ(env.controller().find(job), nullptr);
  env.expect_no_more_effects();
}

TEST(LifecycleTest, LogsEachTransitionWithTheRecordAfterIt) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  const AttemptKey key = env.expect_assign("a", job);
  env.started("a", key);
  env.completed("a", key);
  std::vector<JobEventKind> kinds;
  std::vector<JobState> states;
  for (const JobEvent& event : env.rows().events()) {
    kinds.push_back(event.kind);
    states.push_back(event.after.state);
  }
  EXPECT_EQ(kinds,
            (std::vector{JobEventKind::Submitted, JobEventKind::Queued, JobEventKind::Assigned,
                         JobEventKind::Started, JobEventKind::Ended}));
  EXPECT_EQ(states, (std::vector{JobState::Submitted, JobState::Queued, JobState::Assigned,
                                 JobState::Running, JobState::Completed}));
}

TEST(LifecycleTest, WaitsInTheQueueUntilAnAgentJoins) {
  Env env;
  const JobId job = env.submit(env.job());
  EXPECT_EQ(env.state(job), JobState::Queued);
  env.expect_no_more_effects();
  env.agent("a").join();
  env.expect_assign("a", job);
  env.expect_no_more_effects();
}

TEST(LifecycleTest, FailsWithTheReportedReasonWhenNoRetryIsLeft) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  env.exited("a", env.expect_assign("a", job), 3);
  EXPECT_EQ(env.state(job), JobState::Failed);
  EXPECT_EQ(env.record(job).reason, Reason::ExitNonzero);
  EXPECT_EQ(env.record(job).exit_code, 3);
  EXPECT_EQ(env.record(job).failures, 1U);
  EXPECT_EQ(env.view("a").record.failed, 1);
}

TEST(LifecycleTest, RetriesAfterAnExponentialBackoff) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().retries(2, seconds(1)));
  const AttemptKey first = env.expect_assign("a", job);
  env.exited("a", first, 1);
  env.expect_ack(first);
  EXPECT_EQ(env.state(job), JobState::Submitted);
  EXPECT_EQ(env.record(job).eligible_at, env.now() + seconds(1));
  env.advance(seconds(1));
  const AttemptKey second = env.expect_assign("a", job);
  EXPECT_EQ(second.attempt, first.attempt + 1);
  EXPECT_GT(second.epoch, first.epoch);
  env.exited("a", second, 1);
  env.expect_ack(second);
  EXPECT_EQ(env.record(job).eligible_at, env.now() + seconds(2));
  env.advance(seconds(2));
  const AttemptKey third = env.expect_assign("a", job);
  env.exited("a", third, 1);
  env.expect_ack(third);
  EXPECT_EQ(env.state(job), JobState::Failed);
  EXPECT_EQ(env.record(job).failures, 3U);
  env.expect_no_more_effects();
}

TEST(LifecycleTest, RetriesOnlyWhatRetryOnNames) {
  Env env;
  env.agent("a").join();
  auto spec = env.job().retries(5);
  spec.item.spec.retry_on.exit_codes = {75};
  const JobId job = env.submit(spec);
  env.exited("a", env.expect_assign("a", job), 75);
  EXPECT_EQ(env.state(job), JobState::Assigned);
  env.exited("a", {job, 2, 2}, 1);
  EXPECT_EQ(env.state(job), JobState::Failed);
}

TEST(LifecycleTest, TimedOutIsRetriedOnlyWhenNamed) {
  AttemptResult timed_out;
  timed_out.state = JobState::TimedOut;
  timed_out.reason = Reason::TimedOut;
  for (const bool named : {false, true}) {
    Env env;
    env.agent("a").join();
    auto spec = env.job().retries(5);
    if (named) {
      spec.item.spec.retry_on.reasons = {Reason::TimedOut};
    }
    const JobId job = env.submit(spec);
    env.finished("a", env.expect_assign("a", job), timed_out);
    EXPECT_EQ(env.state(job), named ? JobState::Assigned : JobState::TimedOut);
  }
}

TEST(LifecycleTest, RepeatedReportsAreAcceptedAndChangeNothing) {
  Env env;
  env.agent("a").cpus(1).join();
  const JobId job = env.submit(env.job().retries(1, seconds(5)));
  const AttemptKey key = env.expect_assign("a", job);
  env.started("a", key);
  env.started("a", key);
  env.exited("a", key, 1);
  const std::size_t events = env.rows().events().size();
  env.exited("a", key, 1);
  env.started("a", key);
  for (int i = 0; i < 5; ++i) {
    env.expect_ack(key, true);
  }
  EXPECT_EQ(env.rows().events().size(), events);
  EXPECT_EQ(env.controller().stale_reports(), 0U);
  env.expect_no_more_effects();
}

TEST(LifecycleTest, RefusesReportsOfAnEarlierAttempt) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().retries(1));
  const AttemptKey first = env.expect_assign("a", job);
  env.exited("a", first, 1);
  env.expect_ack(first);
  const AttemptKey second = env.expect_assign("a", job);
  env.completed("a", first);
  env.expect_ack(first, false);
  EXPECT_EQ(env.controller().stale_reports(), 1U);
  EXPECT_EQ(env.state(job), JobState::Assigned);
  env.completed("a", second);
  env.expect_ack(second);
  EXPECT_EQ(env.state(job), JobState::Completed);
  env.expect_no_more_effects();
}

TEST(LifecycleTest, AResultWithoutStartedReportStillHasAStartTime) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  const AttemptKey key = env.expect_assign("a", job);
  env.advance(seconds(10));
  AttemptResult result;
  result.state = JobState::Completed;
  result.exit_code = 0;
  result.wall_ms = 4'000;
  env.finished("a", key, result);
  EXPECT_EQ(*env.record(job).completed_at - *env.record(job).started_at, seconds(4));
}

// However an attempt ended, its agent was busy with it.
TEST(LifecycleTest, AnAgentIsBusyForAsLongAsItsAttemptsRan) {
  Env env;
  env.agent("a").join();
  const auto end = [&env](JobState state, Reason reason, std::int64_t wall_ms) {
    const JobId job = env.submit(env.job().max_lost(0));
    AttemptResult result;
    result.state = state;
    result.reason = reason;
    result.wall_ms = wall_ms;
    const AttemptKey key = env.expect_assign("a", job);
    env.finished("a", key, result);
    env.expect_ack(key);
  };
  end(JobState::Completed, Reason::None, 4'000);
  EXPECT_EQ(env.view("a").record.busy_ms, 4'000);
  end(JobState::Failed, Reason::Oom, 500);
  end(JobState::TimedOut, Reason::TimedOut, 70);
  end(JobState::Cancelled, Reason::CancelRequested, 8);
  end(JobState::Failed, Reason::LauncherLost, 1);
  end(JobState::Completed, Reason::None, -5);  // nonsense takes nothing away
  const AgentRecord record = env.view("a").record;
  EXPECT_EQ(record.busy_ms, 4'579);
  EXPECT_EQ(record.done, 2);
  EXPECT_EQ(record.failed, 2);
}

TEST(LifecycleTest, NonsenseFromAnAgentEndsTheAttemptAsFailed) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  AttemptResult result;
  result.state = JobState::Running;
  env.finished("a", env.expect_assign("a", job), result);
  EXPECT_EQ(env.state(job), JobState::Failed);
  EXPECT_EQ(env.record(job).reason, Reason::WorkerCrashed);
}

TEST(LifecycleTest, OfALongMessageTheMiddleIsLeftOutInRowsAndEvents) {
  constexpr auto kMost = static_cast<std::size_t>(limits::kEndMessageBytesMax);
  constexpr std::size_t kOwnWords = 256;
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().retries(1, seconds(10)));
  const auto fail = [&](Reason reason) {
    AttemptResult result;
    result.state = JobState::Failed;
    result.reason = reason;
    result.message = "begins " + std::string(4 * limits::kMiB, 'x') + " ends";
    const AttemptKey key = env.expect_assign("a", job);
    env.finished("a", key, result);
    env.expect_ack(key);
  };
  fail(Reason::SpawnFailed);
  EXPECT_EQ(env.state(job), JobState::Submitted);
  EXPECT_LE(env.record(job).message.size(), kMost + kOwnWords);
  EXPECT_NE(env.record(job).message.find("bytes left out"), std::string::npos);
  env.advance(seconds(10));
  fail(Reason::LauncherLost);  // the fleet's fault: it runs again
  fail(Reason::SpawnFailed);
  EXPECT_EQ(env.state(job), JobState::Failed);
  EXPECT_NE(env.record(job).message.find("begins xxx"), std::string::npos);
  EXPECT_NE(env.record(job).message.find("xxx ends"), std::string::npos);
  EXPECT_FALSE(env.rows().attempts().empty());
  for (const auto& [key, attempt] : env.rows().attempts()) {
    EXPECT_LE(attempt.result.message.size(), kMost);
  }
  for (const JobEvent& event : env.rows().events()) {
    EXPECT_LE(event.after.message.size(), kMost + kOwnWords) << event.seq.value();
  }
}

TEST(LifecycleTest, ProgressIsBoundedAndLoggedOnce) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  const AttemptKey key = env.expect_assign("a", job);
  env.started("a", key);
  const std::string euros = "€€€";
  std::string text(254, 'x');
  text += euros;
  env.send(AttemptProgress{env.link_of("a"), AgentId("a"), key, 250, text});
  EXPECT_EQ(env.record(job).progress_percent, 100);
  EXPECT_EQ(env.record(job).progress_text, std::string(254, 'x'));
  const std::size_t events = env.rows().events().size();
  env.send(AttemptProgress{env.link_of("a"), AgentId("a"), key, 100, text});
  EXPECT_EQ(env.rows().events().size(), events);
}

TEST(CancelTest, AQueuedJobEndsAtOnce) {
  Env env;
  const JobId job = env.submit(env.job());
  EXPECT_EQ(env.cancel(job).state, JobState::Cancelled);
  EXPECT_TRUE(env.record(job).cancel_requested_at.has_value());
  env.agent("a").join();
  env.expect_no_more_effects();
}

TEST(CancelTest, ARunningJobEndsAsCancelledWhateverItReports) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().retries(3));
  const AttemptKey key = env.expect_assign("a", job);
  env.started("a", key);
  env.expect_ack(key);
  EXPECT_EQ(env.cancel(job).state, JobState::Running);
  env.expect_cancel(key);
  env.cancel(job);
  env.exited("a", key, 1);
  env.expect_ack(key);
  EXPECT_EQ(env.state(job), JobState::Cancelled);
  EXPECT_EQ(env.record(job).reason, Reason::CancelRequested);
  env.expect_no_more_effects();
}

TEST(CancelTest, IsNeverRequeuedEvenIfItsAgentIsLost) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  const AttemptKey key = env.expect_assign("a", job);
  env.started("a", key);
  env.expect_ack(key);
  env.disconnect("a");
  env.cancel(job);
  env.agent("b").join();
  env.advance(seconds(31));
  EXPECT_EQ(env.state(job), JobState::Cancelled);
}

TEST(CancelTest, IsSentAgainWhenTheAgentComesBackAndAfterARestart) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job());
  const AttemptKey key = env.expect_assign("a", job);
  env.disconnect("a");
  env.cancel(job);
  env.expect_no_more_effects();
  env.restart();
  env.agent("a").holds(key).join();
  env.expect_cancel(key);
  env.expect_no_more_effects();
}

TEST(CancelTest, AnUnknownJobIsNotFound) {
  Env env;
  Decision decision;
  env.controller().decide(Cancel{7, JobId(1)}, env.now(), decision);
  const auto& reply = std::get<ReplyCancel>(decision.effects.at(0));
  EXPECT_EQ(reply.token, 7U);
  EXPECT_EQ(reply.outcome.error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace hearth::core
