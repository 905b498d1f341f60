#include "core/heartbeat_pace.h"

#include <gtest/gtest.h>

namespace hearth::core {
namespace {

using std::chrono::seconds;

constexpr HeartbeatPace kPace{.interval = seconds(10), .per_second_max = 100};

TEST(HeartbeatPaceTest, FewAgentsBeatAsConfigured) {
  EXPECT_EQ(kPace.next(1, seconds(10)), seconds(10));
  EXPECT_EQ(kPace.next(1'000, seconds(10)), seconds(10));
}

TEST(HeartbeatPaceTest, ManyBeatMoreSeldomWithRoomToGrow) {
  EXPECT_EQ(kPace.next(1'001, seconds(10)), Duration(12'512));
  EXPECT_EQ(kPace.next(4'000, seconds(10)), seconds(50));
  for (const std::int64_t agents : {1'001, 1'500, 10'000, 100'000}) {
    const Duration told = kPace.next(agents, seconds(10));
    EXPECT_LE(agents * 1'000, kPace.per_second_max * told.count()) << agents;
  }
}

TEST(HeartbeatPaceTest, WhatIsNearEnoughIsKept) {
  const Duration told = kPace.next(4'000, seconds(10));
  for (const std::int64_t agents : {2'500, 3'999, 4'001, 5'000}) {
    EXPECT_EQ(kPace.next(agents, told), told) << agents;
  }
  EXPECT_GT(kPace.next(5'001, told), told);
  EXPECT_LT(kPace.next(2'499, told), told);
}

TEST(HeartbeatPaceTest, AFleetThatHasShrunkBeatsAsConfiguredAgain) {
  EXPECT_EQ(kPace.next(10, seconds(50)), seconds(10));
  EXPECT_EQ(kPace.next(400, Duration(10'001)), seconds(10));
}

TEST(HeartbeatPaceTest, WhoBeatsTooOftenIsToldWhatIsConfigured) {
  EXPECT_EQ(kPace.next(1, seconds(1)), seconds(10));
}

TEST(HeartbeatPaceTest, WhatIsToldIsTheAnswerToItself) {
  for (std::int64_t agents = 1; agents < 40'000; agents += 97) {
    for (const auto now : {seconds(1), seconds(10), seconds(13), seconds(70), seconds(900)}) {
      const Duration told = kPace.next(agents, now);
      EXPECT_EQ(kPace.next(agents, told), told) << agents << " " << now.count();
      EXPECT_LE(told, std::max<Duration>(now, kPace.longest(agents)));
    }
  }
}

TEST(HeartbeatPaceTest, NoIntervalIsBeyondTheLongest) {
  constexpr HeartbeatPace kSlow{.interval = seconds(10), .per_second_max = 1};
  EXPECT_EQ(kSlow.next(1'000'000, seconds(10)), limits::kHeartbeatIntervalMax);
  EXPECT_EQ(kSlow.longest(1'000'000), limits::kHeartbeatIntervalMax);
  EXPECT_EQ(kPace.longest(4'000), seconds(50));
  EXPECT_EQ(kPace.longest(5), seconds(10));
}

}  // namespace
}  // namespace hearth::core
