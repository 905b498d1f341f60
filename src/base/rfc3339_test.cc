#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Rfc3339Test, WritesUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339(time_from_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(time_from_ms(1'795'314'504'007)), "2026-11-22T02:28:24.007Z");
}

TEST(Rfc3339Test, ReadsWhatItWritesAndOffsets) {
  for (const std::int64_t ms : {0LL, 951'782'400'123LL, 1'795'314'504'007LL}) {
    EXPECT_EQ(parse_rfc3339(to_rfc3339(time_from_ms(ms))), time_from_ms(ms));
  }
  EXPECT_EQ(parse_rfc3339("1970-01-01t01:00:00+01:00"), time_from_ms(0));
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.5Z"), time_from_ms(500));
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.123999Z"), time_from_ms(123));
}

// What is taken can be written and taken again; an offset or a leap second leads out of the years.
TEST(Rfc3339Test, TakesTheFirstAndTheLastTimeAndNothingBeyond) {
  for (const char* edge : {"1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"}) {
    const auto time = parse_rfc3339(edge);
    ASSERT_TRUE(time) << edge;
    EXPECT_EQ(to_rfc3339(*time), edge);
  }
  EXPECT_EQ(parse_rfc3339("1969-12-31T23:00:00-01:00"), time_from_ms(0));
  for (const char* beyond :
       {"1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z"}) {
    EXPECT_EQ(parse_rfc3339(beyond), std::nullopt) << beyond;
  }
}

TEST(Rfc3339Test, RefusesTheRest) {
  for (const char* bad :
       {"", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-02-30T00:00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx", "1970-01-01T00:00:00+25:00",
        "1969-12-31T23:59:59Z", "1970-1-01T00:00:00Z", "-970-01-01T00:00:00Z", "12345678"}) {
    EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace hearth
