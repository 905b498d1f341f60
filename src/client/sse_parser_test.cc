#include "client/sse_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hearth::client {
namespace {

std::vector<SseEvent> parse_in_pieces(const std::string& text, std::size_t piece) {
  SseParser parser;
  std::vector<SseEvent> events;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    EXPECT_TRUE(parser.feed(std::string_view(text).substr(at, piece), events));
  }
  return events;
}

TEST(SseParserTest, ReadsTheSameEventsHoweverTheBytesAreCut) {
  const std::string text =
      "retry: 500\n: comment\n\nid: 7\nevent: state\ndata: {\"a\":1}\n\n"
      "id: 8\r\ndata: one\r\ndata: two\r\n\r\nevent: end\rdata:x\r\r";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    const auto events = parse_in_pieces(text, piece);
    ASSERT_EQ(events.size(), 3U) << piece;
    EXPECT_EQ(events[0].event, "state");
    EXPECT_EQ(events[0].id, "7");
    EXPECT_EQ(events[0].data, "{\"a\":1}");
    EXPECT_EQ(events[1].event, "message");
    EXPECT_EQ(events[1].data, "one\ntwo");
    EXPECT_EQ(events[2].event, "end");
    EXPECT_EQ(events[2].id, "8");
    EXPECT_EQ(events[2].data, "x");
  }
}

TEST(SseParserTest, DropsAnEventThatWasCutBeforeItsBlankLine) {
  SseParser parser;
  std::vector<SseEvent> events;
  ASSERT_TRUE(parser.feed("id: 3\ndata: half\n", events));
  EXPECT_TRUE(events.empty());
}

TEST(SseParserTest, TheLastIdIsThatOfAWholeEvent) {
  SseParser parser;
  std::vector<SseEvent> events;
  ASSERT_TRUE(parser.feed("id: 3\ndata: whole\n\nid: 4\ndata: half\n", events));
  EXPECT_EQ(parser.last_id(), "3") << "or event 4 would never be asked for again";
  ASSERT_TRUE(parser.feed("\nid: 5\n\ndata: six\n\n", events));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[1].id, "4");
  EXPECT_EQ(events[2].id, "5") << "an event without data has an id all the same";
  ASSERT_TRUE(parser.feed(std::string_view("id: a\0b\n\n", 9), events));
  EXPECT_EQ(parser.last_id(), "5");
  ASSERT_TRUE(parser.feed("id\n\n", events));
  EXPECT_EQ(parser.last_id(), "");
}

TEST(SseParserTest, CountsComments) {
  SseParser parser;
  std::vector<SseEvent> events;
  ASSERT_TRUE(parser.feed(": one\n:\ndata: :no\n: in an event\n\n: half", events));
  EXPECT_EQ(parser.comments(), 3);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].data, ":no");
}

TEST(SseParserTest, IgnoresAnEventWithoutDataAndARetryThatIsNoNumber) {
  SseParser parser;
  std::vector<SseEvent> events;
  ASSERT_TRUE(parser.feed("event: ping\n\nretry: soon\n\nretry: -0\n\nretry: 1s\n\n", events));
  EXPECT_TRUE(events.empty());
  EXPECT_FALSE(parser.retry_ms().has_value());
  ASSERT_TRUE(parser.feed("retry: 250\n\n", events));
  EXPECT_EQ(parser.retry_ms(), 250);
}

TEST(SseParserTest, ALineOfTheLargestSizeIsReadAndOneByteMoreIsRefusedForGood) {
  constexpr std::size_t kMost = 16;
  SseParser parser(kMost);
  std::vector<SseEvent> events;
  ASSERT_TRUE(parser.feed("data: 0123456789\n\n", events));  // 16 bytes
  ASSERT_EQ(events.size(), 1U);
  const Result<> refused = parser.feed("data: x\n\ndata: 0123456789a\n\ndata: y\n\n", events);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "kClientEventBytesMax");
  EXPECT_EQ(refused.error().limit_value, 16);
  EXPECT_NE(refused.error().message.find("more than 16 bytes"), std::string::npos);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].data, "x") << "what came before it is there";
  EXPECT_FALSE(parser.feed("\n\ndata: z\n\n", events));
  EXPECT_EQ(events.size(), 2U);
}

TEST(SseParserTest, TheLinesOfOneEventAreBoundedTogether) {
  constexpr std::size_t kMost = 16;
  SseParser parser(kMost);
  std::vector<SseEvent> events;
  for (int i = 0; i < 3; ++i) {  // each event counts alone
    ASSERT_TRUE(parser.feed("data: 01\n: comment\ndata: 23\n\n", events));
  }
  EXPECT_EQ(events.size(), 3U);
  ASSERT_TRUE(parser.feed("data: 0123456\n", events));
  EXPECT_FALSE(parser.feed("data: 7890", events)) << "7 bytes and 10 more";
  EXPECT_EQ(events.size(), 3U);
}

}  // namespace
}  // namespace hearth::client
