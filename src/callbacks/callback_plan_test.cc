// Callbacks on simulated time.
#include "callbacks/callback_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth::callbacks {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class CallbackPlanTest : public ::testing::Test {
 protected:
  ~CallbackPlanTest() override { plan_.check_invariants(); }

  CallbackPlan::Added add(std::uint64_t job, const std::string& host = "h") {
    return plan_.add(JobId(job), host, now_);
  }
  std::vector<std::uint64_t> start() {
    std::vector<std::uint64_t> jobs;
    for (const auto& each : plan_.start_due(now_)) {
      jobs.push_back(each.job.value());
    }
    plan_.check_invariants();
    return jobs;
  }

  TimePoint now_ = time_from_ms(1'000);
  CallbackPlan plan_{{.tries_max = 4,
                      .pause_first = seconds(1),
                      .pause_max = seconds(3),
                      .at_once_max = 3,
                      .at_once_of_host_max = 2,
                      .held_max = 6,
                      .held_of_host_max = 4}};
};

TEST_F(CallbackPlanTest, ACallbackIsDueAtOnceAndGoneOnceItSucceeded) {
  EXPECT_EQ(add(1), CallbackPlan::Added::Held);
  EXPECT_EQ(add(1), CallbackPlan::Added::Known);
  EXPECT_EQ(plan_.next_due(), now_);
  EXPECT_EQ(start(), std::vector<std::uint64_t>{1});
  EXPECT_TRUE(start().empty()) << "it is under way";
  EXPECT_EQ(plan_.next_due(), std::nullopt);
  EXPECT_EQ(add(1), CallbackPlan::Added::Known);
  plan_.succeeded(JobId(1));
  EXPECT_EQ(plan_.held(), 0);
  EXPECT_EQ(plan_.under_way(), 0);
}

TEST_F(CallbackPlanTest, PausesDoubleUpToTheLongestAndTheLastTryEndsIt) {
  add(1);
  for (const int pause : {1, 2, 3}) {
    EXPECT_EQ(start(), std::vector<std::uint64_t>{1});
    const auto again = plan_.failed(JobId(1), now_, 0);
    EXPECT_EQ(again, now_ + seconds(pause));
    EXPECT_EQ(plan_.next_due(), again);
    now_ = *again - Duration(1);
    EXPECT_TRUE(start().empty());
    now_ = *again;
  }
  const auto last = plan_.start_due(now_);
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(last[0].number, 4);
  EXPECT_EQ(plan_.failed(JobId(1), now_, 0), std::nullopt);
  EXPECT_FALSE(plan_.knows(JobId(1)));
}

TEST_F(CallbackPlanTest, ChanceShortensAPauseByHalfAtMost) {
  std::mt19937_64 engine(1);
  std::set<std::int64_t> seen;
  for (std::uint64_t job = 1; job <= 200; ++job) {
    CallbackPlan plan;
    plan.add(JobId(job), "h", now_);
    plan.start_due(now_);
    const auto again = plan.failed(JobId(job), now_, engine());
    ASSERT_TRUE(again);
    EXPECT_GE(*again, now_ + limits::kCallbackPauseFirst / 2);
    EXPECT_LE(*again, now_ + limits::kCallbackPauseFirst);
    seen.insert((*again - now_).count());
  }
  EXPECT_GT(seen.size(), 50U);
}

TEST_F(CallbackPlanTest, OneHostTakesNeitherAllPlacesNorAllTheRoom) {
  for (std::uint64_t job = 1; job <= 4; ++job) {
    EXPECT_EQ(add(job, "slow"), CallbackPlan::Added::Held);
  }
  EXPECT_EQ(add(5, "slow"), CallbackPlan::Added::NoRoom);
  EXPECT_EQ(start(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(add(6, "other"), CallbackPlan::Added::Held);
  EXPECT_EQ(start(), std::vector<std::uint64_t>{6});
  EXPECT_EQ(add(7, "third"), CallbackPlan::Added::Held);
  EXPECT_TRUE(start().empty()) << "three are under way";
  EXPECT_EQ(add(8, "fourth"), CallbackPlan::Added::NoRoom);
  plan_.succeeded(JobId(1));
  EXPECT_EQ(plan_.next_due(), now_);
  EXPECT_EQ(start(), std::vector<std::uint64_t>{3});
  plan_.dropped(JobId(2));
  EXPECT_EQ(start().size(), 1U);
}

TEST_F(CallbackPlanTest, WhoWaitsLongestComesFirst) {
  add(2);
  now_ += Duration(1);
  add(1);
  now_ += Duration(1);
  EXPECT_EQ(start(), (std::vector<std::uint64_t>{2, 1}));
  plan_.failed(JobId(2), now_, 0);
  add(3);
  EXPECT_EQ(start(), std::vector<std::uint64_t>{3});
}

TEST(CallbackPlanLimits, AllTriesOfOneTakeAboutTwentyMinutes) {
  CallbackPlan plan;
  const TimePoint begun = time_from_ms(0);
  TimePoint now = begun;
  plan.add(JobId(1), "h", now);
  int tries = 0;
  for (;;) {
    ASSERT_EQ(plan.start_due(now).size(), 1U);
    ++tries;
    now += limits::kCallbackTryTimeMax;
    const auto again = plan.failed(JobId(1), now, 0);
    if (!again) {
      break;
    }
    now = *again;
  }
  EXPECT_EQ(tries, limits::kCallbackTriesMax);
  EXPECT_GT(now - begun, std::chrono::minutes(15));
  EXPECT_LT(now - begun, std::chrono::minutes(25));
}

// Whatever happens in whatever order, the books are right and everything ends.
TEST(CallbackPlanRandom, EverythingIsDeliveredOrGivenUp) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 engine(seed);
    const auto number = [&engine](std::uint64_t below) { return engine() % below; };
    CallbackPlan plan({.tries_max = 3,
                       .pause_first = seconds(1),
                       .pause_max = seconds(4),
                       .at_once_max = 5,
                       .at_once_of_host_max = 2,
                       .held_max = 40,
                       .held_of_host_max = 15});
    TimePoint now = time_from_ms(0);
    std::vector<JobId> under_way;
    std::map<JobId, std::int64_t> tries;
    std::uint64_t next_job = 1;
    while (next_job <= 300 || plan.held() > 0) {
      if (next_job <= 300 && number(2) == 0) {
        plan.add(JobId(next_job++), "h" + std::to_string(number(6)), now);
      }
      for (const auto& each : plan.start_due(now)) {
        under_way.push_back(each.job);
        EXPECT_EQ(each.number, ++tries[each.job]);
        EXPECT_LE(each.number, 3);
      }
      plan.check_invariants();
      EXPECT_EQ(static_cast<std::int64_t>(under_way.size()), plan.under_way());
      if (!under_way.empty() && number(3) != 0) {
        const std::size_t at = number(under_way.size());
        const JobId job = under_way[at];
        under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(at));
        if (number(2) == 0) {
          plan.succeeded(job);
        } else {
          plan.failed(job, now, engine());
        }
      } else {
        now = under_way.empty() ? std::max(now, plan.next_due().value_or(now)) : now + Duration(50);
      }
    }
    EXPECT_EQ(plan.next_due(), std::nullopt);
  }
}

}  // namespace
}  // namespace hearth::callbacks
