#include "agent/link/output_sender.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace hearth::agent {
namespace {

// Whole strings, with an optional gap that cannot be read.
class StringSource final : public OutputSource {
 public:
  output::LogSlice read_output(const OutputStreamKey& stream, std::int64_t offset,
                               std::int64_t max) override {
    const std::string& bytes = streams[stream];
    std::int64_t end = static_cast<std::int64_t>(bytes.size());
    if (offset >= gap_start && offset < gap_end) {
      offset = gap_end;
    } else if (offset < gap_start) {
      end = std::min(end, gap_start);
    }
    const std::string part = bytes.substr(static_cast<std::size_t>(offset),
                                          static_cast<std::size_t>(std::min(max, end - offset)));
    return {offset, part, offset + static_cast<std::int64_t>(part.size())};
  }

  std::map<OutputStreamKey, std::string> streams;
  std::int64_t gap_start = 1 << 30;
  std::int64_t gap_end = 1 << 30;
};

OutputStreamKey stream(std::uint64_t job) {
  return {{JobId(job), 1, 1}, StreamKind::Stdout};
}

class OutputSenderTest : public ::testing::Test {
 protected:
  void write(std::uint64_t job, const std::string& bytes) {
    std::string& all = source_.streams[stream(job)];
    all += bytes;
    sender_.grew(stream(job), static_cast<std::int64_t>(all.size()));
  }

  StringSource source_;
  OutputSender sender_{source_, {.batch_bytes = 8, .quantum_bytes = 4, .window_bytes = 12}};
};

TEST_F(OutputSenderTest, SendsNothingWhileClosed) {
  write(1, "abc");
  EXPECT_TRUE(sender_.next_batch().empty());
  sender_.opened();
  ASSERT_EQ(sender_.next_batch().size(), 1U);
}

TEST_F(OutputSenderTest, SendsSmallWritesAtOnceAndTogetherWhenBusy) {
  sender_.opened();
  write(1, "a");
  auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].bytes, "a");
  write(1, "b");
  write(1, "c");
  batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].offset, 1);
  EXPECT_EQ(batch[0].bytes, "bc");
  EXPECT_TRUE(sender_.next_batch().empty());
}

TEST_F(OutputSenderTest, TakesTurnsSoThatAFloodStarvesNobody) {
  sender_.opened();
  write(1, std::string(100, 'x'));
  write(2, "y");
  const auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 3U);
  EXPECT_EQ(batch[0].stream, stream(1));
  EXPECT_EQ(batch[0].bytes, "xxxx");
  EXPECT_EQ(batch[1].stream, stream(2));
  EXPECT_EQ(batch[2].bytes, "xxx");
}

TEST_F(OutputSenderTest, StopsAtTheWindowUntilItIsReceived) {
  sender_.opened();
  write(1, std::string(100, 'x'));
  std::size_t sent = 0;
  for (auto batch = sender_.next_batch(); !batch.empty(); batch = sender_.next_batch()) {
    for (const OutputPiece& piece : batch) {
      sent += piece.bytes.size();
    }
  }
  EXPECT_EQ(sent, 12U);
  sender_.received(stream(1), 5);
  const auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 2U);
  EXPECT_EQ(batch[0].offset, 12);
  EXPECT_EQ(batch[0].bytes.size() + batch[1].bytes.size(), 5U);
}

TEST_F(OutputSenderTest, AsksAfterAReconnectAndGoesOnFromTheAnswer) {
  sender_.opened();
  write(1, "abcdef");
  sender_.next_batch();
  sender_.received(stream(1), 4);
  sender_.closed();
  sender_.opened();
  auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].offset, 0);
  EXPECT_EQ(batch[0].bytes, "");
  EXPECT_TRUE(sender_.next_batch().empty());
  // A restarted controller has less than it had said.
  sender_.received(stream(1), 2);
  batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].offset, 2);
  EXPECT_EQ(batch[0].bytes, "cdef");
}

TEST_F(OutputSenderTest, SendsFromTheStartWhatWasNeverAnswered) {
  sender_.opened();
  write(1, "abc");
  sender_.next_batch();
  sender_.closed();
  sender_.opened();
  const auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].offset, 0);
  EXPECT_EQ(batch[0].bytes, "abc");
}

TEST_F(OutputSenderTest, JumpsOverAGapAndTellsOfOneAtTheEnd) {
  sender_.opened();
  source_.gap_start = 2;
  source_.gap_end = 6;
  write(1, "ab....");
  auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 2U);
  EXPECT_EQ(batch[0].bytes, "ab");
  EXPECT_EQ(batch[1].offset, 6);
  EXPECT_EQ(batch[1].bytes, "");
  EXPECT_TRUE(sender_.next_batch().empty());
}

TEST_F(OutputSenderTest, RepeatsWhatStaysUnansweredWhenItIsNotThere) {
  sender_.opened();
  write(1, "abcdef");
  sender_.next_batch();
  sender_.received(stream(1), 2);
  sender_.repeat_unanswered();
  EXPECT_TRUE(sender_.next_batch().empty()) << "it may still be answered";
  sender_.repeat_unanswered();
  auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].offset, 0);
  EXPECT_EQ(batch[0].bytes, "");
  sender_.received(stream(1), 2);
  batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].offset, 2);
  EXPECT_EQ(batch[0].bytes, "cdef");
  sender_.repeat_unanswered();
  sender_.received(stream(1), 6);
  sender_.repeat_unanswered();
  sender_.repeat_unanswered();
  EXPECT_TRUE(sender_.next_batch().empty());
}

TEST_F(OutputSenderTest, SendsNothingTwiceOnALineWhoseAnswersAreLate) {
  sender_.opened();
  write(1, "abcdef");
  sender_.next_batch();
  for (std::int64_t received = 1; received <= 6; ++received) {
    sender_.repeat_unanswered();
    sender_.repeat_unanswered();
    for (const OutputPiece& piece : sender_.next_batch()) {
      EXPECT_EQ(piece.bytes, "") << "up to " << received;
    }
    sender_.received(stream(1), received);
  }
  // The answers to the questions come last.
  sender_.received(stream(1), 6);
  EXPECT_TRUE(sender_.next_batch().empty());
  write(1, "g");
  const auto batch = sender_.next_batch();
  ASSERT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch[0].offset, 6);
  EXPECT_EQ(batch[0].bytes, "g");
}

TEST_F(OutputSenderTest, AsksAgainWhenItsQuestionStaysUnanswered) {
  sender_.opened();
  write(1, "abc");
  sender_.next_batch();
  sender_.received(stream(1), 3);
  sender_.opened();
  ASSERT_EQ(sender_.next_batch().size(), 1U);
  sender_.repeat_unanswered();
  EXPECT_TRUE(sender_.next_batch().empty());
  sender_.repeat_unanswered();
  EXPECT_EQ(sender_.next_batch().size(), 1U);
}

TEST_F(OutputSenderTest, ForgetsAnAttempt) {
  sender_.opened();
  write(1, "abc");
  sender_.grew({stream(1).attempt, StreamKind::Results}, 3);
  sender_.forget(stream(1).attempt);
  EXPECT_TRUE(sender_.next_batch().empty());
  sender_.received(stream(1), 3);
  EXPECT_TRUE(sender_.next_batch().empty());
}

}  // namespace
}  // namespace hearth::agent
