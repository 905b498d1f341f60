#include "agent/probe/rate.h"

#include <gtest/gtest.h>

namespace hearth::agent {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(CounterRateTest, TheFirstSampleHasNoRate) {
  CounterRate rate;
  EXPECT_EQ(rate.update(500, 0), std::nullopt);
  EXPECT_EQ(rate.update(1'500, 2 * kSecond), 500);
  EXPECT_EQ(rate.update(1'500, 3 * kSecond), 0);
}

TEST(CounterRateTest, ACounterThatGoesBackIsAnother) {
  CounterRate rate;
  rate.update(1'000, 0);
  EXPECT_EQ(rate.update(10, kSecond), std::nullopt);
  EXPECT_EQ(rate.update(30, 2 * kSecond), 20);
}

TEST(CounterRateTest, AGapForgets) {
  CounterRate rate;
  rate.update(1'000, 0);
  EXPECT_EQ(rate.update(std::nullopt, kSecond), std::nullopt);
  EXPECT_EQ(rate.update(5'000, 2 * kSecond), std::nullopt);
  EXPECT_EQ(rate.update(6'000, 3 * kSecond), 1'000);
}

TEST(CounterRateTest, SamplesTooCloseRepeatTheRateBefore) {
  CounterRate rate;
  rate.update(0, 0);
  EXPECT_EQ(rate.update(100, 1), std::nullopt);
  EXPECT_EQ(rate.update(200, kSecond), 200);
  EXPECT_EQ(rate.update(900, kSecond + 1), 200);
  EXPECT_EQ(rate.update(1'200, 2 * kSecond), 1'000);
  EXPECT_EQ(rate.update(1'300, kSecond), 1'000) << "a clock that went back";
}

TEST(CounterRateTest, RatesBecomeWholeNumbers) {
  EXPECT_EQ(rounded(1.6), 2);
  EXPECT_EQ(rounded(std::nullopt), std::nullopt);
  EXPECT_EQ(rounded(1e300), std::nullopt);
}

}  // namespace
}  // namespace hearth::agent
