#include "model/ids.h"

#include <gtest/gtest.h>

#include <limits>

namespace hearth {
namespace {

TEST(JobIdTest, TextFormRoundTripsAndHasThirteenCharacters) {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{31}, std::uint64_t{32},
        std::uint64_t{0x0123456789abcdef}, std::numeric_limits<std::uint64_t>::max()}) {
    const std::string text = to_string(JobId(value));
    EXPECT_EQ(text.size(), 13U);
    EXPECT_TRUE(is_valid_name_id(text));
    EXPECT_EQ(parse_job_id(text), JobId(value)) << text;
  }
  EXPECT_EQ(to_string(JobId(std::numeric_limits<std::uint64_t>::max())), "fzzzzzzzzzzzz");
}

TEST(JobIdTest, LexicalOrderIsIdOrder) {
  std::string previous = to_string(JobId(0));
  for (std::uint64_t value = 1; value != 0; value <<= 1) {
    const std::string text = to_string(JobId(value));
    EXPECT_LT(previous, text);
    previous = text;
  }
}

TEST(JobIdTest, RefusesEverythingElse) {
  for (const char* text : {"", "0", "00000000000000", "000000000000", "g000000000000",
                           "000000000000A", "000000000000i", "000000000000l", "000000000000o",
                           "000000000000u", "000000000000-", "00000 0000000"}) {
    EXPECT_EQ(parse_job_id(text), std::nullopt) << text;
  }
}

TEST(JobIdTest, NextIsTheSmallestAboveLastAtOrAfterNow) {
  const TimePoint now = time_from_ms(1'700'000'000'000);
  const JobId first = next_job_id(JobId(), now);
  EXPECT_EQ(time_of(first), now);
  EXPECT_EQ(next_job_id(first, now).value(), first.value() + 1);
  EXPECT_GT(next_job_id(first, now - Duration(5'000)), first);
  EXPECT_EQ(time_of(next_job_id(first, now + Duration(1))), now + Duration(1));
}

TEST(JobIdTest, MoreIdsInOneMillisecondThanTheSequenceHoldsGoOnIntoTheNext) {
  const TimePoint now = time_from_ms(1'000);
  const JobId last((std::uint64_t{1'001} << kJobIdSequenceBits) - 1);
  const JobId next = next_job_id(last, now);
  EXPECT_GT(next, last);
  EXPECT_EQ(time_of(next), now + Duration(1));
}

TEST(NameIdTest, AllowsOnlyTheSafeAlphabetUpToSixtyFour) {
  EXPECT_TRUE(is_valid_name_id("agent-1_A"));
  EXPECT_TRUE(is_valid_name_id(std::string(64, 'a')));
  EXPECT_FALSE(is_valid_name_id(std::string(65, 'a')));
  for (const char* text : {"", "a b", "a/b", "ä", "a.b", "a\n"}) {
    EXPECT_FALSE(is_valid_name_id(text)) << text;
  }
}

TEST(AttemptKeyTest, OrdersByJobThenAttemptThenEpoch) {
  EXPECT_LT((AttemptKey{JobId(1), 2, 9}), (AttemptKey{JobId(2), 1, 1}));
  EXPECT_LT((AttemptKey{JobId(1), 1, 9}), (AttemptKey{JobId(1), 2, 1}));
  EXPECT_LT((AttemptKey{JobId(1), 1, 1}), (AttemptKey{JobId(1), 1, 2}));
}

}  // namespace
}  // namespace hearth
