// What every store does with finished jobs and old events that are to go.
#include <gtest/gtest.h>

#include "store/testing/harnesses.h"
#include "store/testing/store_contract.h"

namespace hearth::store {
namespace {

using testing::harness_name;
using testing::harnesses;

class RetentionContract : public testing::StoreContract {
 protected:
  JobId run_job(const testing::JobTraits& traits, JobState end = JobState::Completed) {
    const JobId job = build_.submit(traits);
    build_.assign(job);
    build_.start(job);
    build_.output(job, StreamKind::Stdout, "hello");
    build_.end(job, end);
    must_append();
    return job;
  }
  Past past() { return reader_->past(100, 100).value(); }
  RemoveOutcome remove_jobs(std::vector<FinishedJob> jobs) {
    return store_->remove({.jobs = std::move(jobs), .events_through = {}});
  }
};

TEST_P(RetentionContract, ThePastIsListedInTheOrderOfEnds) {
  const JobId first = build_.submit();
  const JobId second = build_.submit();
  build_.end(second, JobState::Cancelled);
  build_.end(first, JobState::Failed);
  const JobId live = build_.submit();
  must_append();
  const Past seen = past();
  EXPECT_EQ(seen.finished_jobs, 2);
  EXPECT_EQ(seen.events, 8);
  ASSERT_EQ(seen.jobs.size(), 2U);
  EXPECT_EQ(seen.jobs[0].id, second);
  EXPECT_EQ(seen.jobs[0].ended_at, *build_.job(second).completed_at + Duration(1));
  EXPECT_EQ(seen.jobs[1].id, first);
  ASSERT_EQ(seen.oldest_events.size(), 8U);
  EXPECT_EQ(seen.oldest_events.back().seq, EventSeq(8));
  EXPECT_EQ(seen.newest_at, seen.oldest_events.back().at);
  EXPECT_EQ(reader_->past(1, 3)->newest_at, seen.newest_at);
  EXPECT_EQ(reader_->past(1, 3)->jobs.size(), 1U);
  EXPECT_EQ(reader_->past(1, 3)->oldest_events.size(), 3U);
  EXPECT_NE(seen.jobs[1].id, live);
}

TEST_P(RetentionContract, ACallbackIsOwedFromTheEndUntilItIsSettled) {
  const JobId first = build_.submit({.has_callback = true});
  const JobId second = build_.submit({.has_callback = true});
  const JobId third = build_.submit({.has_callback = true});
  const JobId without = build_.submit();
  must_append();
  EXPECT_TRUE(reader_->owed_callbacks({}, 10)->empty()) << "none has ended";
  build_.end(third);
  build_.end(without);
  build_.end(first, JobState::Cancelled);
  must_append();
  EXPECT_EQ(reader_->owed_callbacks({}, 10).value(), (std::vector<JobId>{first, third}));
  EXPECT_EQ(reader_->owed_callbacks({}, 1).value(), std::vector<JobId>{first});
  EXPECT_EQ(reader_->owed_callbacks(first, 10).value(), std::vector<JobId>{third});
  EXPECT_TRUE(reader_->job(first).value()->record.has_callback);
  EXPECT_FALSE(reader_->job(without).value()->record.has_callback);

  ASSERT_EQ(store_->remove({.jobs = {}, .events_through = {}, .callbacks = {first, without}})
                .outcome.status,
            AppendStatus::Durable);
  build_.end(second);
  must_append();
  reopen();
  EXPECT_EQ(reader_->owed_callbacks({}, 10).value(), (std::vector<JobId>{second, third}));
  EXPECT_TRUE(reader_->job(first).value()) << "only its callback is settled";
}

TEST_P(RetentionContract, AJobThatGoesTakesItsCallbackAlong) {
  const JobId gone = run_job({.has_callback = true});
  ASSERT_EQ(reader_->owed_callbacks({}, 10).value(), std::vector<JobId>{gone});
  ASSERT_EQ(remove_jobs({past().jobs.at(0)}).outcome.status, AppendStatus::Durable);
  EXPECT_TRUE(reader_->owed_callbacks({}, 10)->empty());
}

TEST_P(RetentionContract, AJobGoesWithAllThatHangsOnIt) {
  const JobId gone = run_job({.queue = "q",
                              .name = "n",
                              .labels = {{"k", "v"}},
                              .idempotency_key = "once",
                              .spec = "a spec",
                              .secrets = "s",
                              .after_in_batch = {}});
  const JobId kept = run_job({.queue = "q", .labels = {{"k", "v"}}, .idempotency_key = "twice"});
  const RemoveOutcome done = remove_jobs({past().jobs.at(0)});
  ASSERT_EQ(done.outcome.status, AppendStatus::Durable) << done.outcome.error.message;
  ASSERT_EQ(done.jobs.size(), 1U);
  EXPECT_EQ(done.jobs[0].id, gone);
  EXPECT_EQ(done.jobs[0].state, JobState::Completed);

  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(reader_->job(gone).value());
    EXPECT_TRUE(reader_->states({gone})->empty());
    EXPECT_TRUE(reader_->payloads({gone})->empty());
    EXPECT_TRUE(reader_->find_idempotency_keys({"once"})->empty());
    EXPECT_FALSE(reader_->inline_output(gone, 1, StreamKind::Stdout).value());
    EXPECT_EQ(reader_->list({.labels = {{"k", "v"}}})->size(), 1U);
    EXPECT_EQ(reader_->list({.queue = "q"})->size(), 1U);
    EXPECT_TRUE(reader_->list({.name = "n"})->empty());
    EXPECT_EQ(reader_->counts()->at(JobState::Completed), 1);
    EXPECT_EQ(past().finished_jobs, 1);
    EXPECT_TRUE(reader_->job(kept).value());
    EXPECT_EQ(reader_->find_idempotency_keys({"twice"})->at("twice"), kept);
    EXPECT_EQ(reader_->inline_output(kept, 1, StreamKind::Stdout).value(), "hello");
    reopen();
  }
  const JobId again = run_job({.idempotency_key = "once"});
  EXPECT_EQ(reader_->find_idempotency_keys({"once"})->at("once"), again)
      << "the key was free again";
}

TEST_P(RetentionContract, BytesOfOutputAreCountedFromEndToRemoval) {
  const JobId job = build_.submit();
  build_.assign(job);
  build_.start(job);
  build_.wrote(job, 100, 23);
  build_.end(job);
  must_append();
  EXPECT_EQ(past().output_bytes, 123);
  EXPECT_EQ(past().jobs.at(0).output_bytes, 123);
  ASSERT_EQ(remove_jobs(past().jobs).outcome.status, AppendStatus::Durable);
  EXPECT_EQ(past().output_bytes, 0);
}

TEST_P(RetentionContract, EventsGoByTheirOwnRuleAndLeaveNoDoubt) {
  const JobId job = run_job({});
  ASSERT_EQ(store_->remove({.jobs = {}, .events_through = EventSeq(2)}).outcome.status,
            AppendStatus::Durable);
  EXPECT_EQ(reader_->oldest_event().value(), EventSeq(3));
  EXPECT_EQ(reader_->events({}, {}, 100)->front().seq, EventSeq(3));
  EXPECT_EQ(reader_->events(job, {}, 100)->front().seq, EventSeq(3));
  EXPECT_TRUE(reader_->job(job).value());

  ASSERT_EQ(store_->remove({.jobs = {}, .events_through = build_.last_seq()}).outcome.status,
            AppendStatus::Durable);
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(reader_->events({}, {}, 100)->empty());
    EXPECT_TRUE(reader_->events(job, {}, 100)->empty());
    EXPECT_EQ(reader_->oldest_event().value(), EventSeq(build_.last_seq().value() + 1))
        << "a cursor below must not pass for up to date";
    EXPECT_EQ(past().events, 0);
    reopen();
  }
}

TEST_P(RetentionContract, EventsOfAJobThatIsGoneStayUntilTheirTime) {
  run_job({});
  ASSERT_EQ(remove_jobs(past().jobs).outcome.status, AppendStatus::Durable);
  EXPECT_EQ(reader_->events({}, {}, 100)->size(), 5U) << "the log has no holes";
  EXPECT_EQ(past().events, 5);
}

TEST_P(RetentionContract, RemovingTwiceIsRemovingOnce) {
  run_job({});
  run_job({});
  const std::vector<FinishedJob> first = {past().jobs.at(0)};
  ASSERT_EQ(remove_jobs(first).outcome.status, AppendStatus::Durable);
  const RemoveOutcome again = remove_jobs(first);
  EXPECT_EQ(again.outcome.status, AppendStatus::Durable);
  EXPECT_TRUE(again.jobs.empty());
  EXPECT_EQ(past().finished_jobs, 1);
}

TEST_P(RetentionContract, AJobThatHasNotEndedIsNeverRemoved) {
  const JobId live = build_.submit();
  must_append();
  const RemoveOutcome outcome =
      remove_jobs({{.seq = EventSeq(1), .id = live, .ended_at = {}, .output_bytes = 0}});
  EXPECT_EQ(outcome.outcome.status, AppendStatus::Fatal);
  reopen();
  ASSERT_EQ(recovery_.jobs.size(), 1U);
  EXPECT_EQ(recovery_.jobs[0].record.id, live);
}

TEST_P(RetentionContract, AFullDiskRemovesNothingAndIsTriedAgain) {
  run_job({});
  harness_->set_full(true);
  const RemoveOutcome outcome = remove_jobs(past().jobs);
  EXPECT_EQ(outcome.outcome.status, AppendStatus::NotDone);
  EXPECT_TRUE(outcome.jobs.empty());
  EXPECT_EQ(past().finished_jobs, 1);
  harness_->set_full(false);
  EXPECT_EQ(remove_jobs(past().jobs).jobs.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Stores, RetentionContract, ::testing::ValuesIn(harnesses()), harness_name);

}  // namespace
}  // namespace hearth::store
