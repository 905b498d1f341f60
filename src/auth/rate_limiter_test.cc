#include "auth/rate_limiter.h"

#include <gtest/gtest.h>

namespace hearth::auth {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(RateLimiterTest, AllowsABurstAndThenAnEvenRate) {
  RateLimiter limiter({.burst = 3, .refill = std::chrono::seconds(30), .keys_max = 10});
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(limiter.take("a", 0));
  }
  EXPECT_EQ(limiter.take("a", 0), Duration(10'000));
  EXPECT_EQ(limiter.take("a", 4 * kSecond), Duration(6'000));
  EXPECT_FALSE(limiter.take("a", 10 * kSecond));
  EXPECT_TRUE(limiter.take("a", 10 * kSecond));
  EXPECT_FALSE(limiter.take("b", 10 * kSecond)) << "each has a bucket of its own";
}

TEST(RateLimiterTest, AFullBucketGetsNoFuller) {
  RateLimiter limiter({.burst = 2, .refill = std::chrono::seconds(1), .keys_max = 10});
  EXPECT_FALSE(limiter.take("a", 1'000 * kSecond));
  EXPECT_FALSE(limiter.take("a", 2'000 * kSecond));
  EXPECT_FALSE(limiter.take("a", 2'000 * kSecond));
  EXPECT_TRUE(limiter.take("a", 2'000 * kSecond));
  EXPECT_TRUE(limiter.take("a", 1'999 * kSecond)) << "a clock that went back gives nothing";
}

TEST(RateLimiterTest, ForgetsWhoWasQuietLongest) {
  RateLimiter limiter({.burst = 1, .refill = std::chrono::seconds(100), .keys_max = 2});
  EXPECT_FALSE(limiter.take("a", 1));
  EXPECT_FALSE(limiter.take("b", 2));
  EXPECT_TRUE(limiter.take("a", 3));
  EXPECT_FALSE(limiter.take("c", 4));
  EXPECT_EQ(limiter.size(), 2U);
  EXPECT_TRUE(limiter.take("a", 5)) << "still known";
  EXPECT_FALSE(limiter.take("b", 6)) << "forgotten for c";
}

}  // namespace
}  // namespace hearth::auth
