// The client of event streams, against a server that says what the test says, byte by byte.
#include "tests/harness/event_stream.h"

#include <gtest/gtest.h>

#include <gtest/gtest-spi.h>

#include "tests/harness/mock_http_server.h"

namespace hearth::harness {
namespace {

class EventStreamTest : public ::testing::Test {
 protected:
  using Way = MockHttpServer::Way;

  void SetUp() override {
    server_.always("/events",
                   {.headers = {{"Content-Type", "text/event-stream"}}, .way = Way::Open});
  }
  EventStream open(const std::string& last_event_id = "") {
    return {*client::parse_endpoint(server_.address()), "/events", last_event_id};
  }
  std::string last_event_id_of_request(std::size_t number) {
    const auto requests = server_.wait_for(number);
    const auto& headers = requests.at(number - 1).headers;
    return headers.contains("last-event-id") ? headers.at("last-event-id") : "(none)";
  }

  MockHttpServer server_;
};

TEST_F(EventStreamTest, GivesEventsWithTheirIdsNamesAndData) {
  EventStream stream = open();
  EXPECT_EQ(stream.head().headers.at("content-type"), "text/event-stream");
  server_.send("/events", "id: 1\nevent: worker\ndata: {\"id\":\ndata: \"w\"}\n\n");
  server_.send("/events", "id: 2\ndata: plain\n\ndata: no id\n\n");
  const auto worker = stream.wait_for("worker");
  EXPECT_EQ(worker.id, "1");
  EXPECT_EQ(worker.data.at("id").as_string(), "w");
  const auto plain = stream.wait_for("message");
  EXPECT_EQ(plain.id, "2");
  EXPECT_EQ(plain.text, "plain");
  EXPECT_TRUE(plain.data.empty());
  EXPECT_EQ(stream.wait_for("message").id, "2");
  EXPECT_EQ(stream.last_id(), "2");
}

TEST_F(EventStreamTest, ResumesAfterTheLastEventThatCameWhole) {
  EventStream stream = open();
  EXPECT_EQ(last_event_id_of_request(1), "(none)");
  server_.send("/events", "id: 7\ndata: seven\n\nid: 8\ndata: eight\n\nid: 9\ndata: ni");
  EXPECT_EQ(stream.wait_for("message").text, "seven");
  server_.hang_up("/events");
  stream.wait_broken();
  stream.resume();
  EXPECT_EQ(last_event_id_of_request(2), "8");
  server_.send("/events", "id: 9\ndata: nine\n\n");
  EXPECT_EQ(stream.wait_for("message").text, "eight") << "came over the first connection";
  EXPECT_EQ(stream.wait_for("message").text, "nine");
  EXPECT_EQ(stream.last_id(), "9");
}

TEST_F(EventStreamTest, AnIdOutlivesAConnectionThatBroughtNone) {
  EventStream stream = open("41");
  EXPECT_EQ(last_event_id_of_request(1), "41");
  stream.resume();
  EXPECT_EQ(last_event_id_of_request(2), "41");
}

TEST_F(EventStreamTest, CommentsAreNoEventsAndCanBeWaitedFor) {
  EventStream stream = open();
  server_.send("/events", ": one\n\n: two\n\ndata: x\n\n: three\n\n");
  for (int i = 0; i < 3; ++i) {
    stream.wait_for_comment();
  }
  EXPECT_EQ(stream.wait_for("message").text, "x");
  EXPECT_NONFATAL_FAILURE(stream.wait_for_comment(Duration(1)), "in vain for a comment");
}

TEST_F(EventStreamTest, TellsWhatTheServerAsksForBeforeATryAnew) {
  EventStream stream = open();
  EXPECT_EQ(stream.retry(), std::nullopt);
  server_.send("/events", "retry: 250\n\n: read\n\n");
  stream.wait_for_comment();
  EXPECT_EQ(stream.retry(), Duration(250));
  stream.resume();
  EXPECT_EQ(stream.retry(), Duration(250)) << "it holds until the server says another";
}

TEST_F(EventStreamTest, AnEndIsToldFromABreak) {
  EventStream ended = open();
  server_.hang_up("/events");
  EXPECT_FALSE(ended.wait_broken());
  server_.next("/events", {.body = "data: half", .way = Way::Cut, .cut_after = 7});
  EventStream broken = open();
  EXPECT_TRUE(broken.wait_broken());
}

TEST_F(EventStreamTest, AWaitInVainFailsTheTest) {
  EventStream stream = open();
  EXPECT_NONFATAL_FAILURE(stream.wait_for("worker", Duration(1)), "waited in vain for worker");
  server_.send("/events", "data: x\n\n");
  server_.hang_up("/events");
  EXPECT_NONFATAL_FAILURE(stream.wait_for("worker"), "the stream ended before worker");
}

TEST_F(EventStreamTest, ADoorThatRefusesFailsTheTest) {
  server_.next("/events", {.status = 503});
  EXPECT_NONFATAL_FAILURE(open(), "/events");
}

}  // namespace
}  // namespace hearth::harness
