// Somebody sets the wall clock, by any amount, in either direction, while the controller runs.
#include <gtest/gtest.h>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::Env;

constexpr Duration kYear = hours(24 * 365);

class SetClockTest : public ::testing::TestWithParam<Duration> {
 protected:
  Env env_;
};

TEST_P(SetClockTest, NoAgentIsLostByItAndASilentOneIsLostInTime) {
  env_.agent("a").join();
  env_.agent("b").join();
  const JobId job = env_.submit(env_.job());
  const AttemptKey key = env_.expect_assign("a", job);
  env_.silence("b");
  env_.advance(seconds(1));
  env_.set_clock(GetParam());
  env_.advance(seconds(28));
  env_.started("a", key);
  env_.expect_ack(key);
  EXPECT_EQ(env_.controller().agents(env_.now()).size(), 2U);
  env_.advance(seconds(3));
  EXPECT_EQ(env_.controller().agents(env_.now()).size(), 1U);
  EXPECT_EQ(env_.state(job), JobState::Running);
  EXPECT_EQ(env_.expect_reject("b").kind, "agent_lost");
}

TEST_P(SetClockTest, TimeInTheQueueIsTimeThatPassed) {
  const JobId before = env_.submit(env_.job().max_queue(seconds(5)));
  env_.set_clock(GetParam());
  const JobId after = env_.submit(env_.job().max_queue(seconds(5)));
  env_.advance(seconds(4));
  EXPECT_EQ(env_.state(before), JobState::Queued);
  EXPECT_EQ(env_.state(after), JobState::Queued);
  env_.advance(seconds(1));
  EXPECT_EQ(env_.record(before).reason, Reason::QueueTimeout);
  EXPECT_EQ(env_.record(after).reason, Reason::QueueTimeout);
}

TEST_P(SetClockTest, ABackOffTakesItsTime) {
  env_.agent("a").join();
  const JobId job = env_.submit(env_.job().retries(2, seconds(10)));
  AttemptKey key = env_.expect_assign("a", job);
  env_.set_clock(GetParam());  // while it runs
  env_.exited("a", key, 1);
  env_.expect_ack(key);
  env_.set_clock(GetParam());  // while it waits
  env_.advance(seconds(9));
  EXPECT_EQ(env_.state(job), JobState::Submitted);
  env_.advance(seconds(1));
  key = env_.expect_assign("a", job);
  EXPECT_EQ(key.attempt, 2U);
}

TEST_P(SetClockTest, NotBeforeIsATimeOfTheWallClock) {
  const JobId job = env_.submit(env_.job().not_before(env_.now() + hours(2)));
  env_.set_clock(GetParam());
  env_.advance(seconds(1));
  EXPECT_EQ(env_.state(job), GetParam() > hours(2) ? JobState::Queued : JobState::Submitted);
  env_.set_clock(hours(3) - GetParam());
  env_.advance(seconds(1));
  EXPECT_EQ(env_.state(job), JobState::Queued);
}

TEST_P(SetClockTest, TimesOfAJobNeverDecreaseAndIdsGoOn) {
  env_.agent("a").join();
  const JobId first = env_.submit(env_.job());
  const AttemptKey key = env_.expect_assign("a", first);
  env_.set_clock(GetParam());
  const JobId second = env_.submit(env_.job());
  EXPECT_LT(first, second);
  env_.started("a", key);
  env_.advance(seconds(1));
  env_.completed("a", key);
  const JobRecord& job = env_.record(first);
  EXPECT_LE(*job.assigned_at, *job.started_at);
  EXPECT_LE(*job.started_at, *job.completed_at);
  env_.restart();
  EXPECT_LT(second, env_.submit(env_.job()));
}

TEST_P(SetClockTest, WhoWaitsLongestIsStillFirst) {
  const JobId before = env_.submit(env_.job().cpus(1));
  env_.advance(seconds(1));
  env_.set_clock(GetParam());
  const JobId after = env_.submit(env_.job().cpus(1).memory_mib(17));
  env_.agent("a").cpus(1).join();
  const AttemptKey key = env_.expect_assign("a", before);
  env_.completed("a", key);
  env_.expect_ack(key);
  env_.expect_assign("a", after);
}

INSTANTIATE_TEST_SUITE_P(By, SetClockTest, ::testing::Values(kYear, Duration(-hours(1)), -kYear),
                         [](const auto& by) {
                           return by.param == kYear    ? "AYearAhead"
                                  : by.param == -kYear ? "AYearBack"
                                                       : "AnHourBack";
                         });

TEST(ClockSetBackBeforeAStartTest, RecordsOfALaterTimeDelayNobody) {
  Env env;
  env.agent("a").join();
  const JobId failed = env.submit(env.job().retries(1, seconds(5)));
  const AttemptKey key = env.expect_assign("a", failed);
  env.exited("a", key, 1);
  env.expect_ack(key);
  env.disconnect("a");
  const JobId waiting = env.submit(env.job().max_queue(seconds(5)));
  env.set_clock(-kYear);
  env.restart();
  env.advance(seconds(6));
  EXPECT_EQ(env.record(waiting).reason, Reason::QueueTimeout);
  EXPECT_EQ(env.state(failed), JobState::Queued);
}

// Nothing but its end tells when a back-off began, and no event of a job is older than the one
// before.
TEST(ClockSetBackBeforeAStartTest, ABackoffEndsNoEarlierThanItBegan) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().retries(1, seconds(5)));
  const AttemptKey key = env.expect_assign("a", job);
  env.exited("a", key, 1);
  env.expect_ack(key);
  const TimePoint began = *env.record(job).eligible_at - seconds(5);
  env.disconnect("a");
  env.set_clock(-hours(1));
  env.restart();
  env.advance(seconds(6));
  ASSERT_EQ(env.state(job), JobState::Queued);
  EXPECT_GE(*env.record(job).queued_at, began);
}

}  // namespace
}  // namespace hearth::core
