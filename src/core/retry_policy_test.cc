#include "core/retry_policy.h"

#include <gtest/gtest.h>

#include <limits>

namespace hearth::core {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, GrowsByItsFactorUpToItsMaximum) {
  const Backoff backoff{milliseconds(100), 3.0, milliseconds(1'000)};
  EXPECT_EQ(backoff_after(backoff, 0), milliseconds(0));
  EXPECT_EQ(backoff_after(backoff, 1), milliseconds(100));
  EXPECT_EQ(backoff_after(backoff, 2), milliseconds(300));
  EXPECT_EQ(backoff_after(backoff, 3), milliseconds(900));
  EXPECT_EQ(backoff_after(backoff, 4), milliseconds(1'000));
  EXPECT_EQ(backoff_after(backoff, 1'000'000), milliseconds(1'000));
}

TEST(BackoffTest, NonsenseNeverOverflows) {
  SchedulingSpec spec;
  spec.backoff = {Duration::max(), std::numeric_limits<double>::quiet_NaN(), Duration::max()};
  spec.max_queue = Duration::max();
  const RetryPolicy policy = retry_policy_of(spec);
  EXPECT_GT(backoff_after(policy.backoff, 5), milliseconds(0));
  EXPECT_LE(backoff_after(policy.backoff, 5), std::chrono::years(100));
  EXPECT_EQ(policy.max_queue, Duration(std::chrono::years(100)));
  spec.backoff.factor = std::numeric_limits<double>::infinity();
  EXPECT_EQ(retry_policy_of(spec).backoff.factor, 1.0);
  EXPECT_EQ(backoff_after({milliseconds(-5), 2.0, milliseconds(10)}, 1), milliseconds(0));
}

TEST(RetryOnTest, EmptyListsNameEveryFailureButNoTimeout) {
  AttemptResult failed;
  failed.state = JobState::Failed;
  failed.reason = Reason::Oom;
  EXPECT_TRUE(is_retried_on({}, failed));
  EXPECT_TRUE(is_retried_on({{}, {Reason::Oom}}, failed));
  EXPECT_FALSE(is_retried_on({{1}, {}}, failed));
  AttemptResult timed_out;
  timed_out.state = JobState::TimedOut;
  timed_out.reason = Reason::TimedOut;
  EXPECT_FALSE(is_retried_on({}, timed_out));
  EXPECT_TRUE(is_retried_on({{}, {Reason::TimedOut}}, timed_out));
  AttemptResult cancelled;
  cancelled.state = JobState::Cancelled;
  EXPECT_FALSE(is_retried_on({}, cancelled));
}

TEST(PolicyTableTest, KeepsEqualPoliciesOnceAndForgetsUnusedOnes) {
  PolicyTable table;
  SchedulingSpec spec;
  const std::uint32_t first = table.acquire(retry_policy_of(spec));
  EXPECT_EQ(table.acquire(retry_policy_of(spec)), first);
  spec.max_retries = 3;
  const std::uint32_t second = table.acquire(retry_policy_of(spec));
  EXPECT_NE(second, first);
  EXPECT_EQ(table.at(second).max_retries, 3);
  EXPECT_EQ(table.size(), 2U);
  table.release(first);
  EXPECT_EQ(table.size(), 2U);
  table.release(first);
  table.release(second);
  EXPECT_EQ(table.size(), 0U);
}

}  // namespace
}  // namespace hearth::core
