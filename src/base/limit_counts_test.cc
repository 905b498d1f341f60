#include "base/limit_counts.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

TEST(LimitCountsTest, BothSpellingsAreOneLimitAndNoLimitIsNotCounted) {
  LimitCounts counts;
  counts.count("kQueueJobsMax");
  counts.count("queue_jobs_max");
  counts.count("");
  EXPECT_EQ(counts.snapshot(), (Counts{{"queue_jobs_max", 2}}));
}

TEST(LimitCountsTest, ManyNamesShareOne) {
  LimitCounts counts;
  for (int i = 0; i < 100; ++i) {
    counts.count("limit_" + std::to_string(i));
  }
  counts.count("limit_0");
  EXPECT_EQ(counts.snapshot().size(), 65U);
  EXPECT_EQ(counts.snapshot().at("other"), 36U);
  EXPECT_EQ(counts.snapshot().at("limit_0"), 2U);
}

}  // namespace
}  // namespace hearth
