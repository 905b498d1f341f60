// Output and event streams: cursors, resuming, gaps, falling behind.
#include <gtest/gtest.h>

#include "front/rest/http_names.h"
#include "front/rest/job_events.h"
#include "front/rest/job_json.h"
#include "front/rest/testing/event_reader.h"
#include "front/rest/testing/rest_fixture.h"

namespace hearth::rest {
namespace {

using net::testing::RawClient;
using net::testing::RawResponse;

using testing::Event;
using testing::EventReader;

class StreamsTest : public testing::RestFixture {
 protected:
  static std::string names(const std::vector<Event>& events) {
    std::string text;
    for (const Event& event : events) {
      text += (text.empty() ? "" : " ") + event.name;
      if (event.name == "state") {
        text += ":" + RestFixture::text(event.data, "state");
      }
    }
    return text;
  }
  [[nodiscard]] std::string path(JobId id, const std::string& rest) const {
    return "/v1/jobs/" + to_string(id) + rest;
  }
  JobId finished_job() {
    const JobId id = submit();
    api_.start_attempt(id);
    api_.write(id, StreamKind::Stdout, "out");
    api_.write(id, StreamKind::Stderr, "err");
    api_.finish(id, {.state = JobState::Completed, .exit_code = 0});
    return id;
  }
};

TEST(JobCursorTest, IsItsText) {
  const JobCursor cursor{
      .seq = EventSeq(12), .attempt = 1, .stdout_offset = 300, .stderr_offset = 0};
  EXPECT_EQ(to_string(cursor), "12.1.300.0");
  EXPECT_EQ(parse_job_cursor("12.1.300.0"), cursor);
  for (const char* bad : {"", "12", "1.2.3", "1.2.3.4.5", "a.1.2.3", "1.2.3.-4", "1.2.3.4 ",
                          "1.4294967296.0.0", "1.2.3.9223372036854775808", "1..2.3"}) {
    EXPECT_EQ(parse_job_cursor(bad), std::nullopt) << bad;
  }
}

TEST_F(StreamsTest, OutputIsRawAndNeverAPage) {
  const JobId id = submit();
  RawResponse response = get(path(id, "/output"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.at("hearth-attempt"), "0");
  EXPECT_EQ(response.body, "");
  api_.start_attempt(id);
  const std::string bytes("<script>\0\xff\r\n", 12);
  api_.write(id, StreamKind::Stdout, bytes);
  api_.write(id, StreamKind::Stderr, "oops");
  response = get(path(id, "/output?stream=stdout"));
  EXPECT_EQ(response.body, bytes);
  EXPECT_EQ(response.headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(response.headers.at("content-security-policy"), "sandbox");
  EXPECT_EQ(response.headers.at("hearth-offset"), "0");
  EXPECT_EQ(response.headers.at("hearth-size"), "12");
  EXPECT_EQ(response.headers.at("hearth-attempt"), "1");
  EXPECT_EQ(response.headers.at("hearth-complete"), "false");
  EXPECT_FALSE(response.headers.contains("hearth-next-offset"));
  EXPECT_EQ(get(path(id, "/output?stream=stderr&offset=2")).body, "ps");
  EXPECT_EQ(get(path(id, "/output?attempt=2")).status, 404);
  for (const char* bad :
       {"?stream=stdin", "?offset=-1", "?offset=x", "?attempt=0", "?follow=maybe"}) {
    EXPECT_EQ(get(path(id, std::string("/output") + bad)).status, 400) << bad;
  }
  EXPECT_EQ(get(path(id, "/output?tail=1")).status, 400);
}

TEST_F(StreamsTest, OutputStopsAtAGapAndSaysWhereItGoesOn) {
  const JobId id = submit();
  api_.start_attempt(id);
  const std::string head(300'000, 'h');
  const std::string tail(200'000, 't');
  api_.write(id, StreamKind::Stdout, head);
  api_.skip(id, StreamKind::Stdout, 1000);
  api_.write(id, StreamKind::Stdout, tail);
  for (const bool complete : {false, true}) {
    const RawResponse first = get(path(id, "/output"));
    EXPECT_EQ(first.body, head);
    EXPECT_EQ(first.headers.contains("content-length"), complete);
    ASSERT_EQ(first.headers.at("hearth-next-offset"), "301000");
    EXPECT_EQ(first.headers.at("hearth-size"), "501000");
    const RawResponse rest = get(path(id, "/output?offset=300500"));
    EXPECT_EQ(rest.headers.at("hearth-offset"), "301000");
    EXPECT_EQ(rest.body, tail);
    EXPECT_FALSE(rest.headers.contains("hearth-next-offset"));
    if (!complete) {
      api_.finish(id, {.state = JobState::Completed});
    }
  }
}

TEST_F(StreamsTest, FollowGoesOnUntilTheAttemptEnds) {
  const JobId id = submit();
  RawClient client(port());
  ASSERT_TRUE(client.send(net::testing::get(path(id, "/output?follow=1"))));
  EXPECT_EQ(client.read_response(true).headers.at("hearth-attempt"), "1");
  api_.start_attempt(id);
  api_.write(id, StreamKind::Stdout, "one");
  EXPECT_EQ(client.read_until("one"), "3\r\none");
  api_.write(id, StreamKind::Stderr, "not this");
  api_.write(id, StreamKind::Stdout, "two");
  EXPECT_EQ(client.read_until("two"), "\r\n3\r\ntwo");
  api_.finish(id, {.state = JobState::Completed});
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "\r\n0\r\n\r\n");
}

TEST_F(StreamsTest, FollowEndsWithItsAttemptNotWithTheJob) {
  const JobId id = submit();
  api_.start_attempt(id);
  RawClient client(port());
  ASSERT_TRUE(client.send(net::testing::get(path(id, "/output?follow=1"))));
  client.read_response(true);
  api_.requeue(id, Reason::AgentLost);
  api_.start_attempt(id);
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(StreamsTest, EventsTellTheWholeStory) {
  const JobId id = finished_job();
  EventReader reader(port(), path(id, "/events"));
  EXPECT_EQ(reader.head().headers.at("content-type"), "text/event-stream");
  const auto events = reader.until("end");
  EXPECT_TRUE(reader.retry_seen);
  EXPECT_EQ(names(events),
            "state:SUBMITTED state:QUEUED state:ASSIGNED state:RUNNING output output "
            "state:COMPLETED end");
  EXPECT_EQ(text(events[4].data, "base64"), to_base64("out"));
  EXPECT_EQ(text(events[5].data, "stream"), "stderr");
  EXPECT_EQ(events[6].data.at("exitCode").as_int64(), 0);
  EXPECT_EQ(text(events[6].data, "id"), to_string(id));
  EXPECT_TRUE(events[0].data.at("attempts").as_array().empty());
  EXPECT_EQ(reader.next().name, "");
}

TEST_F(StreamsTest, ALongHistoryIsToldWhole) {
  const JobId id = submit();
  for (int i = 0; i < 200; ++i) {
    api_.start_attempt(id);
  }
  EventReader reader(port(), path(id, "/events"));
  for (std::uint64_t seq = 1; seq <= 402; ++seq) {
    ASSERT_TRUE(reader.next().id.starts_with(std::to_string(seq) + "."));
  }
  api_.finish(id, {.state = JobState::Completed});
  EXPECT_EQ(names(reader.until("end")), "state:COMPLETED end");
}

TEST_F(StreamsTest, EventsAreLive) {
  const JobId id = submit();
  EventReader reader(port(), path(id, "/events"));
  EXPECT_EQ(names({reader.next(), reader.next()}), "state:SUBMITTED state:QUEUED");
  api_.start_attempt(id);
  EXPECT_EQ(names({reader.next(), reader.next()}), "state:ASSIGNED state:RUNNING");
  api_.write(id, StreamKind::Stdout, "a");
  EXPECT_EQ(text(reader.next().data, "base64"), to_base64("a"));
  api_.requeue(id, Reason::AgentLost);
  EXPECT_EQ(names({reader.next()}), "state:QUEUED");
  api_.start_attempt(id);
  EXPECT_EQ(names({reader.next(), reader.next()}), "state:ASSIGNED state:RUNNING");
  api_.write(id, StreamKind::Stdout, "b");
  const Event output = reader.next();
  EXPECT_EQ(output.data.at("attempt").as_int64(), 2);
  EXPECT_EQ(output.data.at("offset").as_int64(), 0);
  api_.finish(id, {.state = JobState::Failed, .reason = Reason::ExitNonzero, .exit_code = 1});
  EXPECT_EQ(names(reader.until("end")), "state:FAILED end");
}

TEST_F(StreamsTest, EveryIdResumesWithExactlyWhatFollows) {
  const JobId id = finished_job();
  const auto all = EventReader(port(), path(id, "/events")).until("end");
  for (std::size_t i = 0; i + 2 < all.size(); ++i) {
    EventReader reader(port(), path(id, "/events"), all[i].id);
    const auto rest = reader.until("end");
    ASSERT_EQ(rest.size(), all.size() - i - 1) << "after " << all[i].id;
    for (std::size_t k = 0; k < rest.size(); ++k) {
      EXPECT_EQ(rest[k].name, all[i + 1 + k].name);
      EXPECT_EQ(rest[k].id, all[i + 1 + k].id);
      EXPECT_EQ(rest[k].data, all[i + 1 + k].data);
    }
  }
  EXPECT_EQ(names(EventReader(port(), path(id, "/events"), all.back().id).until("end")),
            "state:COMPLETED end");
  EXPECT_EQ(EventReader(port(), path(id, "/events"), "nonsense").until("end").size(), all.size());
}

TEST_F(StreamsTest, AResumedStreamGoesOnInTheMiddleOfOutput) {
  const JobId id = submit();
  api_.start_attempt(id);
  api_.write(id, StreamKind::Stdout, std::string(100'000, 'x'));
  const auto first = EventReader(port(), path(id, "/events")).until("output");
  api_.finish(id, {.state = JobState::Completed});
  std::int64_t bytes = 0;
  for (const Event& event :
       EventReader(port(), path(id, "/events"), first.back().id).until("end")) {
    if (event.name == "output") {
      bytes += static_cast<std::int64_t>(text(event.data, "base64").size()) / 4 * 3;
    }
  }
  const auto seen = static_cast<std::int64_t>(text(first.back().data, "base64").size()) / 4 * 3;
  EXPECT_NEAR(static_cast<double>(bytes + seen), 100'000, 12);  // padding of the base64
}

TEST_F(StreamsTest, EventsThatAreNoLongerKeptAreReplacedByTheJob) {
  const JobId id = finished_job();
  api_.forget_events(api_.last_event());
  const auto events = EventReader(port(), path(id, "/events")).until("end");
  EXPECT_EQ(names(events), "output output state:COMPLETED end");
}

TEST_F(StreamsTest, StatesOnlyOnRequest) {
  const JobId id = finished_job();
  EXPECT_EQ(names(EventReader(port(), path(id, "/events?output=0")).until("end")),
            "state:SUBMITTED state:QUEUED state:ASSIGNED state:RUNNING state:COMPLETED end");
}

TEST_F(StreamsTest, ALeavingReaderIsForgotten) {
  const JobId id = submit();
  {
    EventReader reader(port(), path(id, "/events"));
    reader.next();
    EXPECT_EQ(api_.output_listeners(), 1U);
  }
  // Each answered request lets the loops run; two loops, so a few of them.
  for (int i = 0; i < 1000 && api_.output_listeners() > 0; ++i) {
    get("/healthz");
  }
  EXPECT_EQ(api_.output_listeners(), 0U);
  server_.reset();
  rest_.reset();
  EXPECT_EQ(api_.watchers(), 0U);
}

TEST_F(StreamsTest, AQuietStreamSendsComments) {
  const JobId id = submit();
  EventReader reader(port(), path(id, "/events"));
  reader.next();
  reader.next();
  for (int i = 0; i < 16; ++i) {
    server_->tick();
  }
  EXPECT_EQ(reader.next().name, ":");
}

TEST_F(StreamsTest, TheFeedBeginsWithASnapshot) {
  AgentView agent;
  agent.record.info.id = AgentId("a1");
  api_.set_agent(agent);
  const JobId before = submit();
  EventReader reader(port(), "/v1/events");
  const Event snapshot = reader.next();
  EXPECT_EQ(snapshot.name, "snapshot");
  EXPECT_EQ(snapshot.id, "2");
  EXPECT_EQ(snapshot.data.at("counts").at("QUEUED").as_int64(), 1);
  EXPECT_EQ(text(snapshot.data.at("agents").at(0), "id"), "a1");
  EXPECT_TRUE(snapshot.data.at("workers").as_array().empty());
  EXPECT_FALSE(snapshot.data.as_object().contains("jobs"));
  api_.start_attempt(before);
  const Event job = reader.next();
  EXPECT_EQ(job.name, "job");
  EXPECT_EQ(job.id, "3");
  EXPECT_EQ(text(job.data, "event"), "assigned");
  EXPECT_EQ(text(job.data, "id"), to_string(before));
  EXPECT_EQ(text(reader.next().data, "state"), "RUNNING");
  agent.running = 1;
  api_.set_agent(agent);
  const Event changed = reader.next();
  EXPECT_EQ(changed.name, "agent");
  EXPECT_EQ(changed.id, "");
  EXPECT_EQ(changed.data.at("running").as_int64(), 1);

  EventReader filtered(port(), "/v1/events?state=RUNNING");
  EXPECT_EQ(filtered.next().data.at("jobs").as_array().size(), 1U);
}

TEST_F(StreamsTest, TheFeedResumesOutOfTheStore) {
  start(4);  // a ring that holds next to nothing
  std::vector<JobId> jobs;
  for (int i = 0; i < 300; ++i) {
    jobs.push_back(submit());
  }
  EventReader reader(port(), "/v1/events", "10");
  for (std::uint64_t seq = 11; seq <= api_.last_event().value(); ++seq) {
    const Event event = reader.next();
    ASSERT_EQ(event.name, "job");
    ASSERT_EQ(event.id, std::to_string(seq));
  }
  api_.start_attempt(jobs.front());
  EXPECT_EQ(text(reader.next().data, "state"), "ASSIGNED");
}

TEST_F(StreamsTest, AnIdThatIsNotKeptGetsLaggedAndASnapshot) {
  for (int i = 0; i < 10; ++i) {
    submit();
  }
  api_.forget_events(EventSeq(10));
  for (const char* id : {"9", "99999", "nonsense", "-1"}) {
    EventReader reader(port(), "/v1/events", id);
    EXPECT_EQ(reader.next().name, "lagged") << id;
    const Event snapshot = reader.next();
    EXPECT_EQ(snapshot.name, "snapshot");
    EXPECT_EQ(snapshot.id, "20");
  }
  EXPECT_EQ(EventReader(port(), "/v1/events", "10").next().id, "11");
}

TEST_F(StreamsTest, EventsThatGoWhileTheyAreReadMakeNoGap) {
  start(4);
  for (int i = 0; i < 100; ++i) {
    submit();
  }
  api_.forget_events_at_read(EventSeq(50));
  EventReader reader(port(), "/v1/events", "10");
  EXPECT_EQ(reader.next().name, "lagged");
  EXPECT_EQ(reader.next().name, "snapshot");
}

TEST_F(StreamsTest, AReaderThatFallsBehindIsToldAndCatchesUp) {
  start(16);
  EventReader reader(port(), "/v1/events");
  EXPECT_EQ(reader.next().name, "snapshot");
  // Far more than sockets hold, while the reader reads nothing: the ring moves on without it.
  const JobId id = submit(R"({"command":["true"],"name":")" + std::string(200, 'x') + "\"}");
  for (int i = 0; i < 20'000; ++i) {
    api_.start_attempt(id);
  }
  const auto events = reader.until("lagged");
  const std::string metrics = get("/metrics").body;
  EXPECT_NE(metrics.find("\nhearth_event_streams_lagged_total "), std::string::npos) << metrics;
  EXPECT_EQ(metrics.find("\nhearth_event_streams_lagged_total 0\n"), std::string::npos);
  ASSERT_EQ(events.back().name, "lagged");
  EXPECT_LT(events.size(), 40'000U);
  const Event snapshot = reader.next();
  EXPECT_EQ(snapshot.name, "snapshot");
  std::string last = snapshot.id;
  while (last != std::to_string(api_.last_event().value())) {
    const Event event = reader.next();
    ASSERT_FALSE(event.name.empty());
    last = event.id.empty() ? last : event.id;
  }
}

}  // namespace
}  // namespace hearth::rest
