#include "api/controller_loop.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <thread>

#include "api/testing/loop_fixture.h"

namespace hearth::api {
namespace {

using testing::Answer;
using testing::eventually;
using testing::FakeAgent;

class ControllerLoopTest : public testing::LoopTest {};

TEST_F(ControllerLoopTest, RepliesOnlyAfterTheCommit) {
  store_->hold();
  const Answer<SubmitResults> answer = submit_later({job()});
  ASSERT_TRUE(store_->wait_until_appending());
  EXPECT_EQ(answer.calls(), 0);
  EXPECT_EQ(loop_->last_event(), EventSeq(0));
  EXPECT_TRUE(loop_->list({})->empty());
  store_->let_go();
  const Result<SubmitResults> results = answer.wait();
  ASSERT_TRUE(results);
  const JobId id = results->at(0)->id;
  EXPECT_EQ(loop_->get(id)->spec.name, "job");
  EXPECT_GT(loop_->last_event(), EventSeq(0));
  EXPECT_EQ(answer.calls(), 1);
}

TEST_F(ControllerLoopTest, AJobsVersionChangesBeforeAnybodyIsToldOfTheChange) {
  const JobId job = submitted();
  Mutex mutex;
  std::map<JobEventKind, std::uint64_t> told;  // the version when the event was told
  const auto on_events = [&](const std::vector<std::shared_ptr<const Notice>>& notices) {
    const MutexLock lock(mutex);
    for (const auto& notice : notices) {
      told[notice->event.kind] = loop_->version_of(job);
    }
  };
  const auto version_at = [&](JobEventKind kind) {
    std::optional<std::uint64_t> version;
    EXPECT_TRUE(eventually([&] {
      const MutexLock lock(mutex);
      const auto found = told.find(kind);
      version = found == told.end() ? version : std::optional(found->second);
      return version.has_value();
    }));
    return version.value_or(0);
  };
  const auto watch = loop_->watch({.on_events = on_events, .on_agent = {}});
  ASSERT_TRUE(watch);
  FakeAgent a = agent();
  const AttemptKey key = assigned(a);
  const std::uint64_t assigned = version_at(JobEventKind::Assigned);
  a.start(key);
  const std::uint64_t started = version_at(JobEventKind::Started);
  EXPECT_NE(started, assigned);
  a.finish(key, 0);
  const std::uint64_t ended = version_at(JobEventKind::Ended);
  EXPECT_NE(ended, started);
  loop_->unwatch(*watch);
  EXPECT_EQ(loop_->version_of(job), ended) << "nothing changes, nothing is outdated";
}

TEST_F(ControllerLoopTest, AssignsOnlyAfterTheCommit) {
  FakeAgent a = agent();
  store_->hold();
  const Answer<SubmitResults> answer = submit_later({job()});
  ASSERT_TRUE(store_->wait_until_appending());
  EXPECT_FALSE(a.inbox().has<testing::Assigned>());
  store_->let_go();
  EXPECT_TRUE(a.inbox().next<testing::Assigned>());
}

TEST_F(ControllerLoopTest, WhatArrivesDuringACommitSharesTheNext) {
  store_->hold();
  std::vector<Answer<SubmitResults>> answers = {submit_later({job()})};
  ASSERT_TRUE(store_->wait_until_appending());
  for (int i = 0; i < 200; ++i) {
    answers.push_back(submit_later({job()}));
  }
  store_->let_go();
  for (const Answer<SubmitResults>& answer : answers) {
    ASSERT_TRUE(answer.wait());
  }
  const std::vector<std::size_t> appends = store_->new_jobs_by_append();
  EXPECT_EQ(std::accumulate(appends.begin(), appends.end(), std::size_t{0}), 201U);
  EXPECT_EQ(appends.front(), 1U);
  // The pipeline takes a bounded number of turns, the mailbox the rest of the commands.
  EXPECT_LE(appends.size(), 4U);
}

TEST_F(ControllerLoopTest, BatchIsAnsweredItemByItemInOrder) {
  SubmitRequestItem bad = job("bad");
  bad.spec.scheduling.after = {{.job = JobId(12345), .condition = DependencyCondition::Ok}};
  const Result<SubmitResults> results = submit_later({job("x"), bad, job("y")}).wait();
  ASSERT_TRUE(results);
  ASSERT_EQ(results->size(), 3U);
  EXPECT_EQ(loop_->get(results->at(0)->id)->spec.name, "x");
  EXPECT_FALSE(results->at(1));
  EXPECT_EQ(loop_->get(results->at(2)->id)->spec.name, "y");
}

TEST_F(ControllerLoopTest, BatchIsBounded) {
  std::vector<SubmitRequestItem> items(static_cast<std::size_t>(limits::kBatchItemsMax) + 1);
  const Result<SubmitResults> refused = submit_later(std::move(items)).wait();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "kBatchItemsMax");
  EXPECT_EQ(refused.error().limit_value, limits::kBatchItemsMax);
}

TEST_F(ControllerLoopTest, FullMailboxIsAnsweredAtOnce) {
  options_.mailbox_commands_max = 4;
  options_.pipeline_turns_max = 1;
  start();
  store_->hold();
  std::vector<Answer<SubmitResults>> answers;
  const auto refused = [&] {
    answers.push_back(submit_later({job()}));
    return answers.back().calls() == 1;
  };
  ASSERT_TRUE(eventually(refused));
  const Error error = answers.back().wait().error();
  EXPECT_EQ(error.code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(error.kind, "queue_full");
  EXPECT_EQ(error.limit, "kMailboxCommandsMax");
  EXPECT_EQ(error.limit_value, 4);
  answers.pop_back();
  store_->let_go();
  for (const Answer<SubmitResults>& answer : answers) {
    EXPECT_TRUE(answer.wait()) << "what was taken is not lost";
  }
  EXPECT_GT(loop_->metrics().refused["mailbox_commands_max"], 0U);
}

TEST_F(ControllerLoopTest, FullDiskKeepsTheBatchAndRefusesWhatIsNew) {
  const JobId earlier = submitted();
  disk_->set_full(true);
  const Answer<SubmitResults> kept = submit_later({job("kept")});
  ASSERT_TRUE(eventually([&] { return !loop_->readiness().ready; }));
  EXPECT_NE(loop_->readiness().why.find("disk is full"), std::string::npos);
  EXPECT_FALSE(loop_->metrics().storage_ok);

  const Result<core::SubmitOutcome> refused = submit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(refused.error().kind, "storage_unavailable");
  EXPECT_EQ(state_of(earlier), JobState::Queued) << "reads go on";
  EXPECT_EQ(kept.calls(), 0);

  disk_->set_full(false);
  const Result<SubmitResults> results = kept.wait();
  ASSERT_TRUE(results);
  EXPECT_EQ(loop_->get(results->at(0)->id)->spec.name, "kept");
  EXPECT_TRUE(eventually([&] { return loop_->readiness().ready; }));
  EXPECT_TRUE(submit());
  EXPECT_EQ(fatal_calls_, 0);
}

TEST_F(ControllerLoopTest, UnknownOutcomeEndsTheLoopAndTheRestartKnowsIt) {
  disk_->inject(store::MemoryDisk::Fault::FatalCommitted);
  const Result<core::SubmitOutcome> unknown = submit(keyed("k"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::Unavailable);
  ASSERT_TRUE(eventually([&] { return fatal_calls_ == 1; }));
  EXPECT_FALSE(loop_->readiness().ready);
  EXPECT_EQ(submit().error().kind, "storage_unavailable");
  EXPECT_EQ(fatal_calls_, 1);

  start();
  const Result<core::SubmitOutcome> again = submit(keyed("k"));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->replayed);
}

TEST_F(ControllerLoopTest, SameKeyIsTheSameJobWhileItLivesAndAfterItEnded) {
  const JobId first = submitted(keyed("k"));
  Result<core::SubmitOutcome> again = submit(keyed("k"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, first);
  EXPECT_TRUE(again->replayed);
  FakeAgent a = agent();
  run(a);
  ASSERT_TRUE(reaches(first, JobState::Completed));
  submitted();  // a turn, in which the ended job leaves the core's memory
  again = submit(keyed("k"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, first);
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->state, JobState::Completed);
}

TEST_F(ControllerLoopTest, SameKeyFromManyThreadsWhileTheJobEnds) {
  FakeAgent a = agent();
  for (int round = 0; round < 20; ++round) {
    const std::string key = "key" + std::to_string(round);
    Mutex mutex;
    std::set<JobId> ids;
    std::vector<std::thread> clients;
    for (int client = 0; client < 4; ++client) {
      clients.emplace_back([&] {
        for (int i = 0; i < 5; ++i) {
          const JobId id = submitted(keyed(key));
          const MutexLock lock(mutex);
          ids.insert(id);
        }
      });
    }
    run(a);
    for (std::thread& client : clients) {
      client.join();
    }
    const MutexLock lock(mutex);
    EXPECT_EQ(ids.size(), 1U) << key;
  }
}

TEST_F(ControllerLoopTest, DependencyOnAJobThatEndedLongAgo) {
  const JobId first = submitted();
  FakeAgent a = agent();
  run(a);
  ASSERT_TRUE(reaches(first, JobState::Completed));
  submitted();
  run(a);
  SubmitRequestItem item = job("second");
  item.spec.scheduling.after = {{.job = first, .condition = DependencyCondition::Ok}};
  const JobId second = submitted(item);
  EXPECT_EQ(assigned(a).job, second);
}

TEST_F(ControllerLoopTest, CancelOfQueuedEndedAndUnknownJobs) {
  const JobId queued = submitted();
  EXPECT_EQ(cancel(queued)->record.state, JobState::Cancelled);
  const JobId done = submitted();
  FakeAgent a = agent();
  run(a);
  ASSERT_TRUE(reaches(done, JobState::Completed));
  submitted();
  const Result<JobView> unchanged = cancel(done);
  ASSERT_TRUE(unchanged);
  EXPECT_EQ(unchanged->record.state, JobState::Completed);
  EXPECT_FALSE(unchanged->record.cancel_requested_at);
  EXPECT_EQ(cancel(JobId(7)).error().code, ErrorCode::NotFound);
}

TEST_F(ControllerLoopTest, CancelOfARunningJobReachesItsAgent) {
  FakeAgent a = agent();
  const JobId id = submitted();
  const AttemptKey key = assigned(a);
  a.start(key);
  ASSERT_TRUE(reaches(id, JobState::Running));
  EXPECT_TRUE(cancel(id)->record.cancel_requested_at);
  const auto order = a.inbox().next<testing::Cancelled>();
  ASSERT_TRUE(order);
  EXPECT_EQ(order->key, key);
}

TEST_F(ControllerLoopTest, RetryCopiesAnEndedJob) {
  SubmitRequestItem item = keyed("k");
  item.spec.labels = {{"team", "x"}};
  const JobId first = submitted(item);
  EXPECT_EQ(retry(first).error().kind, "not_finished");
  ASSERT_TRUE(cancel(first));
  const Result<core::SubmitOutcome> copy = retry(first);
  ASSERT_TRUE(copy);
  EXPECT_NE(copy->id, first);
  EXPECT_FALSE(copy->replayed);
  const Result<JobView> view = loop_->get(copy->id);
  EXPECT_EQ(view->spec.retry_of, first);
  EXPECT_EQ(view->spec.labels, item.spec.labels);
  EXPECT_EQ(view->spec.idempotency_key, "");
  EXPECT_EQ(retry(JobId(7)).error().code, ErrorCode::NotFound);
}

TEST_F(ControllerLoopTest, RetryOfAJobWithSecretsIsRefused) {
  SubmitRequestItem item = job();
  item.spec.execution.secret_env = {{"TOKEN", "t"}};
  const JobId id = submitted(item);
  ASSERT_TRUE(cancel(id));
  EXPECT_EQ(retry(id).error().kind, "not_supported");
}

TEST_F(ControllerLoopTest, ExplainsLiveEndedAndUnknownJobs) {
  const JobId id = submitted();
  const Result<core::Explanation> waits = explain(id);
  ASSERT_TRUE(waits);
  EXPECT_EQ(waits->state, JobState::Queued);
  EXPECT_FALSE(waits->reasons.empty());
  ASSERT_TRUE(cancel(id));
  submitted();
  EXPECT_EQ(explain(id)->state, JobState::Cancelled);
  EXPECT_EQ(explain(JobId(7)).error().code, ErrorCode::NotFound);
}

TEST_F(ControllerLoopTest, WatchersSeeCommittedEventsInOrderUntilTheyLeave) {
  Mutex mutex;
  std::vector<std::uint64_t> seen;
  const Result<std::uint64_t> watch =
      loop_->watch({.on_events = [&](const std::vector<std::shared_ptr<const Notice>>& notices) {
        const MutexLock lock(mutex);
        for (const auto& notice : notices) {
          EXPECT_LE(notice->event.seq, loop_->last_event()) << "told before it was durable";
          seen.push_back(notice->event.seq.value());
        }
      }});
  ASSERT_TRUE(watch);
  FakeAgent a = agent();
  std::vector<std::thread> clients;
  for (int client = 0; client < 3; ++client) {
    clients.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        submitted();
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  for (int i = 0; i < 60; ++i) {
    run(a);
  }
  const auto count = [&] {
    const MutexLock lock(mutex);
    return seen.size();
  };
  ASSERT_TRUE(eventually([&] { return count() == loop_->last_event().value(); }));
  loop_->unwatch(*watch);
  submitted();
  std::vector<std::uint64_t> expected(count());
  std::iota(expected.begin(), expected.end(), 1U);
  const MutexLock lock(mutex);
  EXPECT_EQ(seen, expected);
}

TEST_F(ControllerLoopTest, WatchersAreBounded) {
  for (std::int64_t i = 0; i < limits::kWatchersMax; ++i) {
    ASSERT_TRUE(loop_->watch({}));
  }
  const Result<std::uint64_t> refused = loop_->watch({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "kWatchersMax");
}

TEST_F(ControllerLoopTest, CountsIncludeWhatEndedBeforeAndAfterARestart) {
  FakeAgent a = agent();
  submitted();
  run(a);
  ASSERT_TRUE(cancel(submitted()));
  const auto counts_are = [&](std::int64_t completed, std::int64_t queued) {
    return eventually([&] {
      auto counts = loop_->counts();
      return counts[JobState::Completed] == completed && counts[JobState::Queued] == queued;
    });
  };
  EXPECT_TRUE(counts_are(1, 0));
  a.disconnect();
  submitted();
  submitted();
  EXPECT_TRUE(counts_are(1, 2));
  start();
  EXPECT_TRUE(counts_are(1, 2));
  EXPECT_EQ(loop_->list({.states = {JobState::Queued}})->size(), 2U);
}

TEST_F(ControllerLoopTest, StopAnswersEveryoneWhoWaits) {
  disk_->set_full(true);
  const Answer<SubmitResults> first = submit_later({job()});
  ASSERT_TRUE(eventually([&] { return !loop_->readiness().ready; }));
  loop_->stop();
  EXPECT_EQ(first.wait().error().code, ErrorCode::Unavailable);
  EXPECT_EQ(submit().error().kind, "draining");
  EXPECT_FALSE(loop_->readiness().ready);
  disk_->set_full(false);
  start();
  EXPECT_TRUE(loop_->list({})->empty()) << "it was refused, so it must not exist";
}

TEST_F(ControllerLoopTest, MetricsCountTurnsCommitsAndEvents) {
  submitted();
  submitted();
  const MetricsSnapshot metrics = loop_->metrics();
  EXPECT_GE(metrics.turns, 2U);
  EXPECT_EQ(metrics.commands, 2U);
  EXPECT_EQ(metrics.commit.count, 2U);
  EXPECT_EQ(metrics.events, loop_->last_event().value());
  EXPECT_EQ(metrics.decide.count, metrics.turns);
  EXPECT_EQ(metrics.queue_wait.count, 0U);
  EXPECT_TRUE(metrics.storage_ok);
}

TEST_F(ControllerLoopTest, MetricsTellHowLongAJobWaitedStartedAndRan) {
  const JobId id = submitted();
  FakeAgent on = agent();
  run(on);
  const JobRecord job = loop_->get(id)->record;
  const auto seconds = [](const auto& from, const auto& to) {
    return std::chrono::duration<double>(*to - *from).count();
  };
  const MetricsSnapshot metrics = loop_->metrics();
  EXPECT_EQ(metrics.queue_wait.count, 1U);
  EXPECT_DOUBLE_EQ(metrics.queue_wait.sum_seconds, seconds(job.queued_at, job.assigned_at));
  EXPECT_EQ(metrics.start.count, 1U);
  EXPECT_DOUBLE_EQ(metrics.start.sum_seconds, seconds(job.assigned_at, job.started_at));
  EXPECT_EQ(metrics.run.count, 1U);
  EXPECT_DOUBLE_EQ(metrics.run.sum_seconds, seconds(job.started_at, job.completed_at));
  EXPECT_EQ(metrics.turns_waiting, 0);
}

}  // namespace
}  // namespace hearth::api
