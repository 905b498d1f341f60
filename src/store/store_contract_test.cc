#include "store/testing/store_contract.h"

#include <atomic>
#include <thread>

#include "store/testing/harnesses.h"
#include "wire/job_codec.h"

namespace hearth::store::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, ::testing::ValuesIn(harnesses()), harness_name);

TEST_P(StoreContract, StartsEmptyWithTheFirstEpoch) {
  EXPECT_EQ(recovery_.controller_epoch, 1U);
  EXPECT_EQ(recovery_.last_seq, EventSeq());
  EXPECT_EQ(recovery_.last_job_id, JobId());
  EXPECT_TRUE(recovery_.jobs.empty());
  EXPECT_TRUE(recovery_.agents.empty());
  EXPECT_EQ(reader_->oldest_event().value(), EventSeq(1));
  EXPECT_TRUE(reader_->counts()->empty());
}

TEST_P(StoreContract, RaisesTheControllerEpochAtEachRecovery) {
  reopen();
  EXPECT_EQ(recovery_.controller_epoch, 2U);
  reopen();
  EXPECT_EQ(recovery_.controller_epoch, 3U);
}

TEST_P(StoreContract, RecoversExactlyTheJobsThatHaveNotEnded) {
  const JobId queued = build_.submit({.idempotency_key = "k", .spec = "queued spec"});
  const JobId running = build_.submit();
  build_.assign(running);
  build_.start(running);
  for (const JobState state :
       {JobState::Completed, JobState::Failed, JobState::Cancelled, JobState::TimedOut}) {
    build_.end(build_.submit(), state);
  }
  must_append();
  reopen();
  ASSERT_EQ(recovery_.jobs.size(), 2U);
  EXPECT_EQ(recovery_.jobs[0].record, build_.job(queued));
  EXPECT_EQ(recovery_.jobs[0].spec, "queued spec");
  EXPECT_EQ(recovery_.jobs[0].idempotency_key, "k");
  EXPECT_EQ(recovery_.jobs[1].record, build_.job(running));
  EXPECT_EQ(recovery_.jobs[1].idempotency_key, "");
}

TEST_P(StoreContract, RecoversTheHighestSeqAndJobIdAlsoWhenTheirJobsEnded) {
  build_.submit();
  const JobId last = build_.submit();
  must_append();
  build_.end(last);
  must_append();
  reopen();
  EXPECT_EQ(recovery_.last_seq, build_.last_seq());
  EXPECT_EQ(recovery_.last_job_id, last);
}

TEST_P(StoreContract, KeepsTheOrderOfIdsBeyondTheSignBit) {
  const JobId low(std::numeric_limits<std::int64_t>::max() - 5ULL);
  build_ = ChangeBuilder({}, low);
  std::vector<JobId> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(build_.submit());
  }
  must_append();
  const auto rows = reader_->list({.below = ids[7], .limit = 4}).value();
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].record.id, ids[6]);
  EXPECT_EQ(rows[3].record.id, ids[3]);
  reopen();
  EXPECT_EQ(recovery_.last_job_id, ids.back());
  EXPECT_EQ(recovery_.jobs.front().record.id, ids.front());
}

TEST_P(StoreContract, AppendsSeveralChangeSetsAsOne) {
  const JobId job = build_.submit();
  const ChangeSet first = build_.take();
  build_.assign(job);
  build_.start(job);
  const ChangeSet second = build_.take();
  build_.end(job);
  const ChangeSet third = build_.take();
  ASSERT_EQ(store_->append({&first, &second, &third}).status, AppendStatus::Durable);
  const auto stored = reader_->job(job).value();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->record, build_.job(job));
  EXPECT_EQ(stored->attempts.size(), 1U);
  EXPECT_EQ(reader_->events(job, {}, 100)->size(), 5U);
}

TEST_P(StoreContract, AppendsNothingWithoutTrouble) {
  const ChangeSet nothing;
  EXPECT_EQ(store_->append({}).status, AppendStatus::Durable);
  EXPECT_EQ(store_->append({&nothing}).status, AppendStatus::Durable);
}

TEST_P(StoreContract, FindsIdempotencyKeysOfLiveAndEndedJobs) {
  const std::string odd_key("a\0\xff", 3);
  const JobId live = build_.submit({.idempotency_key = odd_key});
  const JobId ended = build_.submit({.idempotency_key = "b"});
  build_.end(ended);
  must_append();
  using Jobs = std::map<std::string, JobId>;
  EXPECT_EQ(reader_->find_idempotency_keys({"b", "a", odd_key, "", "b"}).value(),
            (Jobs{{odd_key, live}, {"b", ended}}));
  EXPECT_EQ(reader_->find_idempotency_keys({}).value(), Jobs{});
  reopen();
  EXPECT_EQ(reader_->find_idempotency_keys({"b"}).value(), (Jobs{{"b", ended}}));
}

TEST_P(StoreContract, FindsAllKeysOfTheLargestBatchAtOnce) {
  std::map<std::string, JobId> expected;
  std::vector<std::string> keys;
  for (std::int64_t i = 0; i < limits::kBatchItemsMax; ++i) {
    keys.push_back("key " + std::to_string(i));
    if (i % 7 == 0) {
      expected[keys.back()] = build_.submit({.idempotency_key = keys.back()});
    }
  }
  must_append();
  EXPECT_EQ(reader_->find_idempotency_keys(keys).value(), expected);
}

TEST_P(StoreContract, RefusesAKeyThatIsAnotherJobsAndKeepsNothingOfTheBatch) {
  build_.submit({.idempotency_key = "k"});
  must_append();
  const EventSeq before = build_.last_seq();
  const JobId second = build_.submit({.idempotency_key = "k"});
  EXPECT_EQ(append().status, AppendStatus::Fatal);
  reopen();
  EXPECT_EQ(recovery_.last_seq, before);
  EXPECT_FALSE(reader_->job(second).value());
}

TEST_P(StoreContract, RefusesChangesThatContradictWhatIsStored) {
  const JobId job = build_.submit();
  const ChangeSet lost = build_.take();
  build_.assign(job);
  EXPECT_EQ(append().status, AppendStatus::Fatal) << "an event of a job that was never stored";
  EXPECT_EQ(store_->append({&lost}).status, AppendStatus::Fatal) << "after a fatal outcome";
  reopen();
  EXPECT_TRUE(recovery_.jobs.empty());
  ASSERT_EQ(store_->append({&lost}).status, AppendStatus::Durable);
  EXPECT_EQ(store_->append({&lost}).status, AppendStatus::Fatal) << "the same seqs again";
}

TEST_P(StoreContract, KeepsTheEdgesOfABatchWithTheSpec) {
  const JobId first = build_.submit();
  JobSpec spec;
  spec.execution.command = {"true"};
  spec.scheduling.after = {{JobId(7), DependencyCondition::Any}};
  const JobId second = build_.submit({.spec = wire::encode_job_spec(spec),
                                      .after_in_batch = {{first, DependencyCondition::NotOk}}});
  must_append();
  reopen();
  spec.scheduling.after.push_back({first, DependencyCondition::NotOk});
  ASSERT_EQ(recovery_.jobs.size(), 2U);
  EXPECT_EQ(recovery_.jobs[1].record.id, second);
  EXPECT_EQ(wire::decode_job_spec(recovery_.jobs[1].spec).value(), spec);
  const std::string stored = reader_->payloads({second})->at(0).spec;
  EXPECT_EQ(wire::decode_job_spec(stored).value(), spec);
}

TEST_P(StoreContract, ErasesSecretsWhenTheJobEnds) {
  const JobId ending = build_.submit({.secrets = "hunter2"});
  const JobId staying = build_.submit({.secrets = "hunter3"});
  build_.assign(ending);
  must_append();
  auto payloads = reader_->payloads({ending, staying}).value();
  ASSERT_EQ(payloads.size(), 2U);
  EXPECT_EQ(payloads[0].secrets, "hunter2");
  build_.end(ending, JobState::Failed);
  must_append();
  payloads = reader_->payloads({ending, staying}).value();
  ASSERT_EQ(payloads.size(), 2U);
  EXPECT_EQ(payloads[0].secrets, "");
  EXPECT_EQ(payloads[0].spec, "a spec");
  EXPECT_EQ(payloads[1].secrets, "hunter3");
}

TEST_P(StoreContract, NeverKeepsSecretsOfAJobThatEndsInItsFirstBatch) {
  const JobId job = build_.submit({.secrets = "hunter2"});
  build_.end(job, JobState::Cancelled);
  must_append();
  EXPECT_EQ(reader_->payloads({job})->at(0).secrets, "");
}

TEST_P(StoreContract, KeepsTheLatestRecordOfEachAgent) {
  build_.agent("a1");
  build_.agent("a2", AgentStatus::Busy);
  must_append();
  build_.agent("a1", AgentStatus::Dead);
  must_append();
  reopen();
  ASSERT_EQ(recovery_.agents.size(), 2U);
  EXPECT_EQ(recovery_.agents[0].info.id, AgentId("a1"));
  EXPECT_EQ(recovery_.agents[0].status, AgentStatus::Dead);
  EXPECT_EQ(recovery_.agents[1].info.hostname, "host-a2");
  EXPECT_EQ(recovery_.agents[1].status, AgentStatus::Busy);
}

TEST_P(StoreContract, AFullDiskLeavesNothingAndTheSameBatchCanBeRetried) {
  const JobId kept = build_.submit();
  must_append();
  const JobId job = build_.submit({.labels = {{"l", "v"}}, .idempotency_key = "k", .secrets = "s"});
  build_.assign(job);
  build_.output(job, StreamKind::Stdout, "out");
  build_.agent("a1");
  build_.assign(kept);
  const ChangeSet batch = build_.take();
  harness_->set_full(true);
  for (int attempt = 0; attempt < 3; ++attempt) {
    const AppendOutcome outcome = store_->append({&batch});
    ASSERT_EQ(outcome.status, AppendStatus::NotDone);
    EXPECT_FALSE(outcome.error.message.empty());
    EXPECT_FALSE(reader_->job(job).value());
    EXPECT_EQ(reader_->job(kept).value()->record.state, JobState::Queued);
    EXPECT_EQ(reader_->events({}, {}, 100)->size(), 2U);
    EXPECT_TRUE(reader_->find_idempotency_keys({"k"})->empty());
    EXPECT_TRUE(reader_->list({.labels = {{"l", "v"}}})->empty());
    EXPECT_FALSE(reader_->inline_output(job, 1, StreamKind::Stdout).value());
  }
  harness_->set_full(false);
  ASSERT_EQ(store_->append({&batch}).status, AppendStatus::Durable);
  EXPECT_EQ(reader_->job(job).value()->record, build_.job(job));
  EXPECT_EQ(reader_->job(kept).value()->record, build_.job(kept));
  reopen();
  EXPECT_EQ(recovery_.jobs.size(), 2U);
}

TEST_P(StoreContract, AnUnknownOutcomeIsFatalUntilReopened) {
  const JobId first = build_.submit();
  must_append();
  const JobId second = build_.submit();
  const ChangeSet batch = build_.take();
  harness_->break_next_append();
  EXPECT_EQ(store_->append({&batch}).status, AppendStatus::Fatal);
  EXPECT_EQ(store_->append({&batch}).status, AppendStatus::Fatal);
  reopen();
  ASSERT_GE(recovery_.jobs.size(), 1U);
  EXPECT_EQ(recovery_.jobs[0].record, build_.job(first));
  if (recovery_.jobs.size() == 2) {
    EXPECT_EQ(recovery_.jobs[1].record, build_.job(second));
  }
}

TEST_P(StoreContract, AReaderSeesEveryAcknowledgedAppendAtOnce) {
  const JobId job = build_.submit();
  must_append();
  auto other = store_->reader().value();
  for (std::int32_t percent = 0; percent <= 100; ++percent) {
    build_.progress(job, percent);
    must_append();
    ASSERT_EQ(reader_->job(job).value()->record.progress_percent, percent);
    ASSERT_EQ(other->job(job).value()->record.progress_percent, percent);
  }
}

// A reader on a thread of its own, as an HTTP thread has one, never sees less than what was
// acknowledged before it asked, nor half a batch.
TEST_P(StoreContract, ReadersOnOtherThreadsSeeWholeBatchesNoOlderThanAcknowledged) {
  const JobId first = build_.submit();
  const JobId second = build_.submit();
  build_.progress(first, 0);
  build_.progress(second, 0);
  must_append();
  std::atomic<std::int32_t> acknowledged{0};
  std::atomic<bool> given_up{false};
  auto reader = store_->reader().value();
  std::thread other([&] {
    std::int32_t seen = 0;
    while (seen < 100 && !given_up) {
      const std::int32_t at_least = acknowledged.load();
      const auto rows = reader->list({.states = {JobState::Queued}}).value();
      ASSERT_EQ(rows.size(), 2U);
      ASSERT_EQ(rows[0].record.progress_percent, rows[1].record.progress_percent);
      seen = rows[0].record.progress_percent;
      ASSERT_GE(seen, at_least);
    }
  });
  for (std::int32_t percent = 1; percent <= 100 && !given_up; ++percent) {
    build_.progress(first, percent);
    build_.progress(second, percent);
    const AppendOutcome outcome = append();
    EXPECT_EQ(outcome.status, AppendStatus::Durable) << outcome.error.message;
    given_up = outcome.status != AppendStatus::Durable;
    acknowledged = percent;
  }
  other.join();
}

}  // namespace
}  // namespace hearth::store::testing
