#include "core/retention.h"

#include <gtest/gtest.h>

namespace hearth::core {
namespace {

constexpr TimePoint kNow = time_from_ms(1'700'000'000'000);
constexpr Duration kHour = std::chrono::hours(1);

RetentionLimits roomy() {
  return {.age = 24 * kHour,
          .jobs = 1'000,
          .output_bytes = 1'000'000,
          .events_age = 24 * kHour,
          .events = 1'000};
}

// One job a minute, the last ended an hour ago; with one event each.
Past past_of(std::uint64_t jobs) {
  Past past;
  past.finished_jobs = static_cast<std::int64_t>(jobs);
  past.events = past.finished_jobs;
  for (std::uint64_t i = 1; i <= jobs; ++i) {
    const TimePoint at = kNow - kHour - std::chrono::minutes(jobs - i);
    past.jobs.push_back({.seq = EventSeq(i), .id = JobId(i), .ended_at = at, .output_bytes = 100});
    past.oldest_events.push_back({.seq = EventSeq(i), .at = at});
    past.output_bytes += 100;
  }
  return past;
}

TEST(RetentionTest, NothingGoesWithinAllLimits) {
  EXPECT_TRUE(decide_removal(roomy(), past_of(100), kNow).empty());
  EXPECT_TRUE(decide_removal(roomy(), {}, kNow).empty());
}

TEST(RetentionTest, WhatIsAsOldAsTheAgeGoes) {
  RetentionLimits limits = roomy();
  limits.age = kHour + std::chrono::minutes(98);  // jobs 1 and 2 of 100
  const Removal removal = decide_removal(limits, past_of(100), kNow);
  ASSERT_EQ(removal.jobs.size(), 2U);
  EXPECT_EQ(removal.jobs[1].id, JobId(2));
  EXPECT_TRUE(removal.events_through.empty());
  limits.age += Duration(1);
  EXPECT_EQ(decide_removal(limits, past_of(100), kNow).jobs.size(), 1U);
}

TEST(RetentionTest, WhatIsBeyondTheCountGoesOldestFirst) {
  RetentionLimits limits = roomy();
  limits.jobs = 90;
  EXPECT_EQ(decide_removal(limits, past_of(90), kNow).jobs.size(), 0U);
  const Removal removal = decide_removal(limits, past_of(100), kNow);
  ASSERT_EQ(removal.jobs.size(), 10U);
  EXPECT_EQ(removal.jobs.front().id, JobId(1));
}

TEST(RetentionTest, WhatIsBeyondTheOutputGoesUntilItFits) {
  RetentionLimits limits = roomy();
  limits.output_bytes = 9'950;
  EXPECT_EQ(decide_removal(limits, past_of(100), kNow).jobs.size(), 1U);
  limits.output_bytes = 0;
  EXPECT_EQ(decide_removal(limits, past_of(100), kNow).jobs.size(), 100U);
}

TEST(RetentionTest, NoJobGoesBeforeAnybodyCouldSeeItsEnd) {
  RetentionLimits limits = roomy();
  limits.jobs = 0;
  limits.age = Duration(0);
  Past past = past_of(2);
  past.jobs[0].ended_at = kNow - limits::kFinishedKeptMin;
  past.jobs[1].ended_at = kNow - limits::kFinishedKeptMin + Duration(1);
  EXPECT_EQ(decide_removal(limits, past, kNow).jobs.size(), 1U);
}

TEST(RetentionTest, AClockThatWasSetBackMakesNothingOldButAmountsStayBounded) {
  RetentionLimits limits = roomy();
  limits.age = Duration(1);
  const TimePoint before = kNow - 24 * kHour;
  EXPECT_TRUE(decide_removal(limits, past_of(10), before).jobs.empty());
  limits.jobs = 4;
  EXPECT_EQ(decide_removal(limits, past_of(10), before).jobs.size(), 6U);
}

TEST(RetentionTest, AClockThatWasSetBackALittleShortensNobodysMinute) {
  RetentionLimits limits = roomy();
  limits.jobs = 0;
  Past past = past_of(1);
  past.jobs[0].ended_at = kNow;
  EXPECT_TRUE(decide_removal(limits, past, kNow - Duration(3'000)).jobs.empty());
}

TEST(RetentionTest, WhatEndedBeforeTheClockWasSetBackKeepsItsMinuteToo) {
  RetentionLimits limits = roomy();
  limits.jobs = 0;
  Past past = past_of(2);
  past.jobs[0].ended_at = kNow - Duration(43'000);
  past.jobs[1].ended_at = kNow - Duration(60'000);
  EXPECT_TRUE(decide_removal(limits, past, kNow).jobs.empty());
  EXPECT_EQ(decide_removal(limits, past, kNow + Duration(17'000)).jobs.size(), 2U);
}

TEST(RetentionTest, WhatEndedWhileTheClockWasAheadIsAsOldAsWhatEndedAfterIt) {
  Past past = past_of(3);
  for (std::size_t i = 0; i < 2; ++i) {
    past.jobs[i].ended_at += 365 * 24 * kHour;
    past.oldest_events[i].at += 365 * 24 * kHour;
  }
  EXPECT_TRUE(decide_removal(roomy(), past, kNow).empty());
  const Removal removal = decide_removal(roomy(), past, kNow + 23 * kHour);
  EXPECT_EQ(removal.jobs.size(), 3U);
  EXPECT_EQ(removal.events_through, EventSeq(3));
}

class RetentionClockTest : public ::testing::Test {
 protected:
  TimePoint read(TimePoint wall, std::optional<TimePoint> newest = kNow) {
    return clock_.read(wall, std::chrono::nanoseconds(passed_).count(), newest);
  }
  RetentionClock clock_;
  Duration passed_{5};
};

TEST_F(RetentionClockTest, IsTheWallClockWhileThatGoesOnLikeTime) {
  EXPECT_EQ(read(kNow), kNow);
  passed_ += kHour;
  EXPECT_EQ(read(kNow + kHour), kNow + kHour);
}

TEST_F(RetentionClockTest, AYearAtOnceIsNotBelievedBeforeTimeHasPassed) {
  const Duration year = 365 * 24 * kHour;
  read(kNow);
  EXPECT_EQ(read(kNow + year), kNow);
  passed_ += kHour;
  EXPECT_EQ(read(kNow + year + kHour), kNow + limits::kRetentionHaste * kHour);
  // And nothing of it stays when the clock is set right again.
  EXPECT_EQ(read(kNow + kHour), kNow + kHour);
}

TEST_F(RetentionClockTest, AWeekWithoutTheControllerIsMadeUpForInDays) {
  const Duration week = 7 * 24 * kHour;
  EXPECT_EQ(read(kNow + week), kNow);
  passed_ += week / (limits::kRetentionHaste - 1);
  const TimePoint then = kNow + week + week / (limits::kRetentionHaste - 1);
  EXPECT_EQ(read(then), then);
}

TEST_F(RetentionClockTest, IsNeverAheadOfTheWallClockAndNeedsNoEvents) {
  EXPECT_EQ(read(kNow, kNow + kHour), kNow);
  clock_ = {};
  EXPECT_EQ(read(kNow, std::nullopt), kNow);
  EXPECT_EQ(read(kNow - kHour), kNow - kHour);
  passed_ += kHour / 2;
  EXPECT_EQ(read(kNow), kNow);
}

TEST(RetentionTest, EventsGoByAgeAndByCount) {
  RetentionLimits limits = roomy();
  limits.events_age = kHour + std::chrono::minutes(98);
  EXPECT_EQ(decide_removal(limits, past_of(100), kNow).events_through, EventSeq(2));
  limits = roomy();
  limits.events = 93;
  EXPECT_EQ(decide_removal(limits, past_of(100), kNow).events_through, EventSeq(7));
}

TEST(RetentionTest, PagesGoBackOnlyWhenFarMoreAreFreeThanAreUsedAgain) {
  Past past;
  past.pages = 4 * limits::kFreePagesKeptMin;
  past.free_pages = limits::kFreePagesKeptMin;
  EXPECT_EQ(decide_removal(roomy(), past, kNow).give_back_pages, 0);
  past.free_pages += 3;
  EXPECT_EQ(decide_removal(roomy(), past, kNow).give_back_pages, 3);
  past.free_pages = past.pages;
  EXPECT_EQ(decide_removal(roomy(), past, kNow).give_back_pages, limits::kRetentionStepPages);
}

}  // namespace
}  // namespace hearth::core
