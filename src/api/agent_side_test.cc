// The loop as agents meet it: assignment, output, the gate before the end, links, restarts.
#include <gtest/gtest.h>

#include <algorithm>

#include "api/testing/loop_fixture.h"
#include "wire/job_codec.h"

namespace hearth::api {
namespace {

using testing::Acked;
using testing::Assigned;
using testing::eventually;
using testing::FakeAgent;
using testing::Rejected;

class AgentSideTest : public testing::LoopTest {
 protected:
  // An attempt that runs on the agent.
  AttemptKey running(FakeAgent& on) {
    const JobId id = submitted();
    const AttemptKey key = assigned(on);
    EXPECT_EQ(key.job, id);
    on.start(key);
    EXPECT_TRUE(reaches(id, JobState::Running));
    return key;
  }

  // Time passes, and the agent is heard of meanwhile.
  void pass(FakeAgent& on, Duration time) {
    for (; time > Duration::zero(); time -= limits::kHeartbeatInterval) {
      on.heartbeat();
      advance(std::min(time, limits::kHeartbeatInterval));
    }
    on.heartbeat();
  }

  AgentStatus status_of(const FakeAgent& agent) {
    for (const AgentView& view : loop_->agents()) {
      if (view.record.info.id == agent.id()) {
        return view.record.status;
      }
    }
    return AgentStatus::Dead;
  }
};

TEST_F(AgentSideTest, AssignmentBringsTheSpecAndTheSecrets) {
  FakeAgent a = agent();
  SubmitRequestItem item = job("now");
  item.spec.execution.secret_env = {{"TOKEN", "t"}};
  submitted(item);
  const auto message = a.inbox().next<Assigned>();
  ASSERT_TRUE(message);
  EXPECT_EQ(wire::decode_job_spec(message->spec)->execution.command, item.spec.execution.command);
  EXPECT_EQ(wire::decode_secrets(message->secrets)->at("TOKEN"), "t");
}

TEST_F(AgentSideTest, AssignmentOfAJobSubmittedLongBeforeReadsThemFromTheStore) {
  std::set<std::string> names;
  for (int i = 0; i < 5; ++i) {
    submitted(job("early" + std::to_string(i)));
  }
  FakeAgent a = agent();
  for (int i = 0; i < 5; ++i) {
    const auto message = a.inbox().next<Assigned>();
    ASSERT_TRUE(message);
    names.insert(wire::decode_job_spec(message->spec)->name);
  }
  EXPECT_EQ(names.size(), 5U);
}

TEST_F(AgentSideTest, AgentIsIdleBusyIdleAroundOneJob) {
  FakeAgent a = agent();
  EXPECT_TRUE(eventually([&] { return status_of(a) == AgentStatus::Idle; }));
  const AttemptKey key = running(a);
  EXPECT_EQ(status_of(a), AgentStatus::Busy);
  a.finish(key);
  EXPECT_TRUE(eventually([&] { return status_of(a) == AgentStatus::Idle; }));
  a.disconnect();
  EXPECT_TRUE(eventually([&] { return status_of(a) == AgentStatus::Disconnected; }));
}

TEST_F(AgentSideTest, OutputIsReadableWhileItComesAndAfterTheEnd) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  EXPECT_EQ(a.write(key, 0, "hel").value(), 3);
  EXPECT_EQ(output_of(key.job), "hel");
  EXPECT_FALSE(loop_->output({.job = key.job})->slice.complete);
  EXPECT_EQ(a.write(key, 0, "hello").value(), 5);
  a.finish(key, 5);
  ASSERT_TRUE(reaches(key.job, JobState::Completed));
  const Result<OutputAnswer> answer = loop_->output({.job = key.job, .offset = 1, .max = 3});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->attempt, 1U);
  EXPECT_EQ(answer->slice.slice.bytes, "ell");
  EXPECT_EQ(answer->slice.slice.next_offset, 4);
  EXPECT_EQ(answer->slice.size, 5);
  EXPECT_TRUE(answer->slice.complete);
  EXPECT_TRUE(loop_->output({.job = key.job, .stream = StreamKind::Stderr})->slice.complete);
}

// Who reads that a job has ended knows that all of its output is there.
TEST_F(AgentSideTest, OutputIsCompleteAsSoonAsTheEndCanBeRead) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  EXPECT_EQ(a.write(key, 0, "hello").value(), 5);
  store_->hold_when_durable();
  a.finish(key, 5);
  ASSERT_TRUE(reaches(key.job, JobState::Completed));
  const Result<OutputAnswer> answer = loop_->output({.job = key.job});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->slice.slice.bytes, "hello");
  EXPECT_TRUE(answer->slice.complete);
  store_->let_go();
}

TEST_F(AgentSideTest, OutputOfWhatHasNone) {
  const JobId id = submitted();
  const Result<OutputAnswer> queued = loop_->output({.job = id});
  ASSERT_TRUE(queued);
  EXPECT_EQ(queued->attempt, 0U);
  EXPECT_FALSE(queued->slice.complete);
  ASSERT_TRUE(cancel(id));
  EXPECT_TRUE(loop_->output({.job = id})->slice.complete);
  EXPECT_EQ(loop_->output({.job = id, .attempt = 3}).error().code, ErrorCode::NotFound);
  EXPECT_EQ(loop_->output({.job = JobId(7)}).error().code, ErrorCode::NotFound);
  EXPECT_EQ(loop_->output({.job = id, .offset = -1}).error().field, "offset");
}

TEST_F(AgentSideTest, EndWaitsForTheOutput) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  a.finish(key, 5);
  EXPECT_EQ(loop_->metrics().finishes_waiting, 1);
  ASSERT_TRUE(a.write(key, 0, "hel"));
  submitted();  // a whole turn passes
  EXPECT_EQ(state_of(key.job), JobState::Running);
  ASSERT_TRUE(a.write(key, 3, "lo"));
  const auto ack = end_acked(a);
  ASSERT_TRUE(ack);
  EXPECT_TRUE(ack->accepted);
  EXPECT_EQ(state_of(key.job), JobState::Completed) << "acknowledged, so it is durable";
  EXPECT_EQ(output_of(key.job), "hello");
}

TEST_F(AgentSideTest, EndWaitsForTheResultsToo) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  a.finish_with(key, {.stdout_bytes = 5, .results_bytes = 6});
  EXPECT_EQ(a.write(key, 0, "hello").value(), 5);
  EXPECT_EQ(a.write(key, 0, "a t", StreamKind::Results).value(), 3);
  EXPECT_EQ(loop_->get(key.job)->record.state, JobState::Running);
  EXPECT_EQ(a.write(key, 3, "ar.", StreamKind::Results).value(), 6);
  ASSERT_TRUE(reaches(key.job, JobState::Completed));
  const auto answer = loop_->output({.job = key.job, .stream = StreamKind::Results});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->slice.slice.bytes, "a tar.");
  EXPECT_TRUE(answer->slice.complete);
  EXPECT_EQ(loop_->get(key.job)->attempts.back().result.results_bytes, 6);
}

TEST_F(AgentSideTest, OutputThatNeverComesIsGivenUpAndTheEndSaysSo) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  ASSERT_TRUE(a.write(key, 0, "he"));
  a.finish(key, 5);
  for (const char* more : {"hel", "hell"}) {  // as long as something comes it is waited for
    pass(a, limits::kFinishOutputPatience - Duration(1));
    ASSERT_TRUE(a.write(key, 0, more));
    submitted();  // a whole turn passes
    EXPECT_EQ(state_of(key.job), JobState::Running);
  }
  pass(a, limits::kFinishOutputPatience - Duration(1));
  ASSERT_TRUE(a.write(key, 0, "hell")) << "said again, that is no progress";
  pass(a, Duration(1));
  const auto ack = end_acked(a);
  ASSERT_TRUE(ack);
  EXPECT_TRUE(ack->accepted);
  const Result<JobView> view = loop_->get(key.job);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->record.state, JobState::Completed) << "how the process ended is known";
  EXPECT_TRUE(view->attempts.back().result.truncated);
  EXPECT_EQ(view->attempts.back().result.stdout_bytes, 5);
  EXPECT_NE(view->attempts.back().result.message.find("1 bytes"), std::string::npos)
      << view->attempts.back().result.message;
  EXPECT_EQ(output_of(key.job), "hell");
  EXPECT_EQ(loop_->output({.job = key.job, .offset = 4})->slice.slice.next_offset, 5);
  EXPECT_EQ(loop_->metrics().finishes_waiting, 0);
}

TEST_F(AgentSideTest, OfALongMessageTheMiddleIsLeftOutAndWhatTheControllerAddsStays) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  a.finish(key, 5, "begins " + std::string(4 * limits::kMiB, 'x'));
  pass(a, limits::kFinishOutputPatience);
  ASSERT_TRUE(end_acked(a));
  const Result<JobView> view = loop_->get(key.job);
  ASSERT_TRUE(view);
  const std::string& message = view->attempts.back().result.message;
  EXPECT_LE(message.size(), static_cast<std::size_t>(limits::kEndMessageBytesMax));
  EXPECT_TRUE(message.starts_with("begins xxx")) << message;
  EXPECT_NE(message.find("bytes left out"), std::string::npos) << message;
  EXPECT_NE(message.find("5 bytes of the output never arrived"), std::string::npos) << message;
  EXPECT_LE(view->record.message.size(), message.size());
}

TEST_F(AgentSideTest, OutputIsNotGivenUpWhileItsDiskRefusesIt) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  a.finish(key, 5);
  outputs_->fail_with(Error{.code = ErrorCode::ResourceExhausted, .message = "no space left"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(a.write(key, 0, "hello"));
    pass(a, limits::kFinishOutputPatience - Duration(1));
  }
  EXPECT_FALSE(a.write(key, 0, "hello"));
  outputs_->fail_with(std::nullopt);
  ASSERT_TRUE(a.write(key, 0, "hello"));
  ASSERT_TRUE(end_acked(a));
  EXPECT_EQ(output_of(key.job), "hello");
  EXPECT_FALSE(loop_->get(key.job)->attempts.back().result.truncated);
}

// As when it finds out only on sending that it cannot read what it kept.
TEST_F(AgentSideTest, AGapThatTheAgentTellsOfAfterTheEndCountsAsTruncated) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  ASSERT_TRUE(a.write(key, 0, "hel"));
  a.finish(key, 5);
  EXPECT_EQ(a.write(key, 5, "").value(), 5);
  ASSERT_TRUE(end_acked(a));
  EXPECT_TRUE(loop_->get(key.job)->attempts.back().result.truncated);
  EXPECT_EQ(output_of(key.job), "hel");
}

TEST_F(AgentSideTest, LargeOutputIsSyncedBeforeTheEnd) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  const std::string large(100, 'x');
  ASSERT_TRUE(a.write(key, 0, large));
  a.finish(key, 100);
  ASSERT_TRUE(reaches(key.job, JobState::Completed));
  EXPECT_EQ(outputs_->syncs(), 1);
  EXPECT_EQ(output_of(key.job), large);
}

TEST_F(AgentSideTest, EndWaitsUntilTheOutputDiskHasSpace) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  ASSERT_TRUE(a.write(key, 0, "hello"));
  outputs_->fail_with(Error{.code = ErrorCode::ResourceExhausted, .message = "no space left"});
  EXPECT_EQ(a.write(key, 5, "!").error().code, ErrorCode::ResourceExhausted);
  a.finish(key, 5);
  ASSERT_TRUE(eventually([&] { return !loop_->readiness().ready; }));
  EXPECT_NE(loop_->readiness().why.find("no space left"), std::string::npos);
  EXPECT_EQ(state_of(key.job), JobState::Running);
  outputs_->fail_with(std::nullopt);
  ASSERT_TRUE(reaches(key.job, JobState::Completed));
  EXPECT_TRUE(eventually([&] { return loop_->readiness().ready; }));
  EXPECT_EQ(fatal_calls_, 0);
}

TEST_F(AgentSideTest, FailedSyncIsFatal) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  ASSERT_TRUE(a.write(key, 0, "hello"));
  outputs_->fail_with(Error{.code = ErrorCode::DataLoss, .message = "sync failed"});
  a.finish(key, 5);
  ASSERT_TRUE(eventually([&] { return fatal_calls_ == 1; }));
  EXPECT_EQ(state_of(key.job), JobState::Running);
}

// Bytes were acknowledged to the agent before, and would be believed to be safe.
TEST_F(AgentSideTest, FailedSyncInTheMiddleOfAStreamIsFatal) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  outputs_->fail_with(Error{.code = ErrorCode::DataLoss,
                            .message = "sync failed",
                            .kind = std::string(output::kSyncFailed)});
  EXPECT_FALSE(a.write(key, 0, "hello"));
  EXPECT_EQ(fatal_calls_, 1);
}

TEST_F(AgentSideTest, ChunksAndEndsOfAttemptsThatAreNotCurrentAreRefused) {
  FakeAgent a = agent();
  FakeAgent b = agent("b");
  const JobId id = submitted();
  ASSERT_TRUE(eventually([&] { return a.inbox().has<Assigned>() || b.inbox().has<Assigned>(); }));
  FakeAgent& mine = a.inbox().has<Assigned>() ? a : b;
  FakeAgent& other = a.inbox().has<Assigned>() ? b : a;
  const AttemptKey key = assigned(mine);
  ASSERT_EQ(key.job, id);
  AttemptKey stale = key;
  stale.epoch += 1;
  EXPECT_EQ(mine.write(stale, 0, "x").error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(other.write(key, 0, "x").error().code, ErrorCode::FailedPrecondition);
  other.finish(key);
  const auto ack = end_acked(other);
  ASSERT_TRUE(ack);
  EXPECT_FALSE(ack->accepted);
  EXPECT_EQ(loop_->metrics().stale_chunks, 2U);
  EXPECT_EQ(loop_->metrics().stale_reports, 1U);
  mine.finish(key);
  EXPECT_TRUE(end_acked(mine)->accepted);
  EXPECT_EQ(mine.write(key, 0, "late").error().code, ErrorCode::FailedPrecondition);
}

TEST_F(AgentSideTest, AnEndThatIsReportedAgainIsLateAndNotStale) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  a.finish(key);
  EXPECT_TRUE(end_acked(a)->accepted);
  a.finish(key);  // the acknowledgement got lost
  EXPECT_TRUE(end_acked(a)->accepted);
  EXPECT_EQ(loop_->metrics().stale_reports, 0U);
  AttemptKey stale = key;
  stale.epoch += 1;
  a.finish(stale);
  EXPECT_FALSE(end_acked(a)->accepted);
  EXPECT_EQ(loop_->metrics().stale_reports, 1U);
}

TEST_F(AgentSideTest, WaitingEndIsDroppedWithItsLinkAndComesAgain) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  a.finish(key, 5);
  a.disconnect();
  EXPECT_EQ(loop_->metrics().finishes_waiting, 0);
  a.connect({{.key = key, .started = true, .finished = true}});
  const auto welcome = a.inbox().next<core::Welcome>();
  ASSERT_TRUE(welcome);
  EXPECT_EQ(welcome->keep, std::vector<AttemptKey>{key});
  ASSERT_TRUE(a.write(key, 0, "hello"));
  a.finish(key, 5);
  EXPECT_TRUE(end_acked(a)->accepted);
  EXPECT_EQ(output_of(key.job), "hello");
}

TEST_F(AgentSideTest, LostAttemptIsRunAgainAndItsOutputStaysReadable) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  ASSERT_TRUE(a.write(key, 0, "half"));
  a.disconnect();
  advance(limits::kHeartbeatTimeout + Duration(1));
  ASSERT_TRUE(reaches(key.job, JobState::Queued));
  EXPECT_EQ(a.write(key, 4, "more").error().code, ErrorCode::FailedPrecondition);
  FakeAgent b = agent("b");
  run(b, "whole");
  ASSERT_TRUE(reaches(key.job, JobState::Completed));
  EXPECT_EQ(output_of(key.job), "whole");
  EXPECT_EQ(output_of(key.job, 1), "half");
  EXPECT_TRUE(loop_->output({.job = key.job, .attempt = 1})->slice.complete);
}

TEST_F(AgentSideTest, AttemptThatComesBackBeforeAnotherIsAssignedGoesOn) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  ASSERT_TRUE(a.write(key, 0, "half"));
  a.disconnect();
  advance(limits::kHeartbeatTimeout + Duration(1));
  ASSERT_TRUE(reaches(key.job, JobState::Queued));
  a.connect({{.key = key, .started = true, .finished = false}});
  ASSERT_TRUE(a.inbox().next<core::Welcome>());
  ASSERT_TRUE(a.write(key, 4, " and half"));
  a.finish(key, 13);
  EXPECT_TRUE(end_acked(a)->accepted);
  EXPECT_EQ(output_of(key.job), "half and half");
}

TEST_F(AgentSideTest, HeartbeatsCountAlsoWhileTheStorageRefusesWrites) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  disk_->set_full(true);
  const auto refused = submit_later({job()});
  ASSERT_TRUE(eventually([&] { return !loop_->readiness().ready; }));
  for (int i = 0; i < 20; ++i) {
    advance(limits::kHeartbeatInterval);
    a.heartbeat();
  }
  disk_->set_full(false);
  ASSERT_TRUE(refused.wait());
  a.finish(key);
  EXPECT_TRUE(end_acked(a)->accepted);
  EXPECT_NE(status_of(a), AgentStatus::Dead);
}

TEST_F(AgentSideTest, SecondAgentWithTheSameIdIsRejected) {
  FakeAgent a = agent();
  auto connection = std::make_shared<testing::FakeConnection>();
  AgentInfo info{.id = a.id(), .instance = "another", .incarnation = "x"};
  loop_->open(info, {}, connection);
  const auto rejected = connection->next<Rejected>();
  ASSERT_TRUE(rejected);
  EXPECT_FALSE(rejected->error.message.empty());
  EXPECT_EQ(loop_->metrics().links, 1);
}

TEST_F(AgentSideTest, EffectsForAClosedLinkGoNowhere) {
  FakeAgent a = agent();
  store_->hold();
  const auto answer = submit_later({job()});
  ASSERT_TRUE(store_->wait_until_appending());
  const auto old = std::shared_ptr<void>();
  testing::FakeConnection& before = a.inbox();
  a.disconnect();
  store_->let_go();
  ASSERT_TRUE(answer.wait());
  EXPECT_FALSE(before.has<Assigned>());
}

TEST_F(AgentSideTest, DrainReachesTheAgentAndTheCaller) {
  FakeAgent a = agent();
  testing::Answer<bool> answer;
  loop_->drain(a.id(), true, answer.callback());
  EXPECT_TRUE(answer.wait().value());
  EXPECT_TRUE(a.inbox().next<testing::Drained>());
  testing::Answer<bool> unknown;
  loop_->drain(AgentId("nobody"), true, unknown.callback());
  EXPECT_EQ(unknown.wait().error().code, ErrorCode::NotFound);
}

TEST_F(AgentSideTest, RestartInTheMiddleLosesNothing) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  const JobId cancelled = submitted();
  ASSERT_EQ(assigned(a).job, cancelled);
  ASSERT_TRUE(cancel(cancelled));
  ASSERT_TRUE(a.write(key, 0, "before"));
  a.cpu_milli = 1'000;
  const std::uint64_t epoch = loop_->controller_epoch();
  const EventSeq last = loop_->last_event();

  start();
  EXPECT_GT(loop_->controller_epoch(), epoch);
  EXPECT_GE(loop_->last_event(), last);
  EXPECT_EQ(state_of(key.job), JobState::Running);
  a.use(*loop_);
  ASSERT_TRUE(a.write(key, 6, " and after")) << "its attempt is current before it says hello";
  a.cpu_milli = 64'000;
  a.connect({{.key = key, .started = true, .finished = false},
             {.key = {.job = cancelled, .attempt = 1, .epoch = 1}, .started = true}});
  const auto welcome = a.inbox().next<core::Welcome>();
  ASSERT_TRUE(welcome);
  EXPECT_EQ(welcome->controller_epoch, loop_->controller_epoch());
  EXPECT_EQ(welcome->keep.size(), 2U);
  EXPECT_EQ(a.inbox().next<testing::Cancelled>()->key.job, cancelled) << "the request is durable";
  a.finish(key, 16);
  ASSERT_TRUE(reaches(key.job, JobState::Completed));
  EXPECT_EQ(output_of(key.job), "before and after");
  EXPECT_GT(submitted(), std::max(key.job, cancelled));
}

TEST_F(AgentSideTest, ListenersHearOfOutputAndOfItsEnd) {
  FakeAgent a = agent();
  const AttemptKey key = running(a);
  std::atomic<int> heard{0};
  const output::ListenerId id =
      loop_->listen_output(key.job, [&](const output::StreamId&) { ++heard; });
  ASSERT_TRUE(a.write(key, 0, "x"));
  EXPECT_EQ(heard, 1);
  a.finish(key, 1);
  ASSERT_TRUE(end_acked(a));
  EXPECT_TRUE(eventually([&] { return heard == 4; })) << "all streams are complete";
  loop_->unlisten_output(key.job, id);
}

TEST_F(AgentSideTest, AgentWatchersHearOfChanges) {
  std::atomic<int> heard{0};
  const Result<std::uint64_t> watch = loop_->watch({.on_agent = [&](const AgentId&) { ++heard; }});
  ASSERT_TRUE(watch);
  FakeAgent a = agent();
  EXPECT_TRUE(eventually([&] { return heard > 0; }));
  loop_->unwatch(*watch);
}

}  // namespace
}  // namespace hearth::api
