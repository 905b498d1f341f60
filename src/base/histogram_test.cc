#include "base/histogram.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(HistogramTest, SortsIntoBuckets) {
  Histogram histogram;
  histogram.observe_ns(90'000);
  histogram.observe_ns(100'000);
  histogram.observe_ns(700'000'000);
  histogram.observe_ns(std::int64_t{7'200'000'000'000});
  const HistogramSnapshot seen = histogram.snapshot();
  EXPECT_EQ(seen.count, 4U);
  EXPECT_EQ(seen.buckets.front(), 2U) << "a bound belongs to its bucket";
  EXPECT_EQ(seen.buckets.at(12), 1U) << "0.5 to 1 s";
  EXPECT_EQ(seen.buckets.back(), 1U);
  EXPECT_NEAR(seen.sum_seconds, 7'200.70019, 1e-9);
}

}  // namespace
}  // namespace hearth
