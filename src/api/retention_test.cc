#include "api/retention.h"

#include <gtest/gtest.h>

#include "api/testing/loop_fixture.h"

namespace hearth::api {
namespace {

using testing::Answer;
using testing::eventually;
using testing::FakeAgent;

class RetentionLoopTest : public testing::LoopTest {
 protected:
  // Runs a job that writes `bytes` to its end.
  JobId run_job(std::int64_t bytes) {
    FakeAgent a = agent();
    const JobId job = submitted();
    const AttemptKey key = assigned(a);
    a.start(key);
    EXPECT_TRUE(a.write(key, 0, std::string(static_cast<std::size_t>(bytes), 'x')));
    a.finish(key, bytes);
    EXPECT_TRUE(reaches(job, JobState::Completed));
    return job;
  }
  void pass(Duration time) {
    clock_.advance(time);
    loop_->wake();
  }
  // Time that passed before whoever removes looked at the clock first is believed only as fast as
  // it could have passed since.
  bool goes(JobId job) {
    return eventually([&] {
      pass(std::chrono::hours(1));
      return is_gone(job);
    });
  }
  bool is_gone(JobId job) {
    const auto view = loop_->get(job);
    return !view && view.error().code == ErrorCode::NotFound;
  }
};

TEST_F(RetentionLoopTest, AFinishedJobGoesWhenItsTimeHasCome) {
  const JobId job = run_job(100'000);
  pass(limits::kFinishedKeptFor - Duration(1'000));
  EXPECT_FALSE(is_gone(job));
  EXPECT_EQ(loop_->counts()[JobState::Completed], 1);
  const std::uint64_t version = loop_->version_of(job);
  pass(Duration(2'000));
  ASSERT_TRUE(goes(job));
  EXPECT_TRUE(eventually([&] { return loop_->version_of(job) != version; }));
  EXPECT_NE(loop_->get(job).error().message.find("retention_age"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return loop_->counts()[JobState::Completed] == 0; }));
  EXPECT_TRUE(eventually([&] { return outputs_->received({.job = job, .attempt = 1}) == 0; }));
  EXPECT_EQ(loop_->metrics().removed_jobs, 1U);
  // The events went before it, and nobody who saw less passes for up to date.
  EXPECT_TRUE(eventually(
      [&] { return loop_->oldest_event().value() == EventSeq(loop_->last_event().value() + 1); }));
}

TEST_F(RetentionLoopTest, WhatIsLiveStaysHoweverOldItIs) {
  const JobId done = run_job(10);
  const JobId live = submitted();
  pass(2 * limits::kFinishedKeptFor);
  ASSERT_TRUE(goes(done));
  EXPECT_FALSE(is_gone(live));
}

TEST_F(RetentionLoopTest, FilesThatACrashLeftGoAtTheNextStart) {
  const JobId job = run_job(100'000);
  const JobId nobodys(job.value() + 1);
  ASSERT_TRUE(outputs_->append({.job = nobodys, .attempt = 1}, 0, "left behind"));
  start();
  EXPECT_TRUE(eventually([&] { return outputs_->received({.job = nobodys, .attempt = 1}) == 0; }));
  EXPECT_EQ(outputs_->received({.job = job, .attempt = 1}), 100'000);
}

TEST_F(RetentionLoopTest, AFullDiskIsTriedAgain) {
  const JobId job = run_job(10);
  disk_->set_full(true);
  pass(2 * limits::kFinishedKeptFor);
  EXPECT_FALSE(is_gone(job));
  disk_->set_full(false);
  EXPECT_TRUE(goes(job));
}

TEST_F(RetentionLoopTest, FilesThatAreNotDeletedAreTriedAgain) {
  const JobId job = run_job(100'000);
  outputs_->fail_with(unavailable("the disk is read-only"));
  pass(2 * limits::kFinishedKeptFor);
  ASSERT_TRUE(goes(job));
  EXPECT_EQ(outputs_->received({.job = job, .attempt = 1}), 100'000);
  outputs_->fail_with(std::nullopt);
  EXPECT_TRUE(eventually([&] {
    loop_->wake();
    return outputs_->received({.job = job, .attempt = 1}) == 0;
  }));
}

TEST_F(RetentionLoopTest, ACommitThatIsStuckLosesNothingToARemoval) {
  const JobId done = run_job(10);
  store_->hold();
  const Answer<SubmitResults> first = submit_later({job("first")});
  ASSERT_TRUE(store_->wait_until_appending());
  pass(2 * limits::kFinishedKeptFor);
  const Answer<SubmitResults> second = submit_later({job("second")});
  EXPECT_FALSE(is_gone(done)) << "nothing is removed in the middle of a commit";
  disk_->set_full(true);
  store_->let_go();
  ASSERT_TRUE(eventually([&] { return loop_->metrics().commits_not_done > 1; }));
  EXPECT_FALSE(is_gone(done)) << "nor while it is repeated";
  disk_->set_full(false);
  for (const auto& answer : {first, second}) {
    const Result<SubmitResults> results = answer.wait();
    ASSERT_TRUE(results) << results.error().message;
    EXPECT_FALSE(is_gone(results->at(0)->id));
  }
  EXPECT_TRUE(goes(done));
}

TEST_F(RetentionLoopTest, AStopDoesNotWaitForARemovalBehindAStuckCommit) {
  const JobId done = run_job(10);
  disk_->set_full(true);
  const Answer<SubmitResults> answer = submit_later({job()});
  ASSERT_TRUE(eventually([&] { return loop_->metrics().commits_not_done > 0; }));
  pass(2 * limits::kFinishedKeptFor);
  loop_->stop();
  EXPECT_FALSE(answer.wait());
  disk_->set_full(false);
  start();
  // The next start removes it, when it has seen that the time did pass.
  EXPECT_FALSE(is_gone(done));
  EXPECT_TRUE(goes(done));
}

TEST_F(RetentionLoopTest, AWallClockThatIsSetAYearAheadRemovesNothing) {
  const JobId done = run_job(10);
  clock_.set(std::chrono::hours(24 * 365));
  pass(limits::kFinishedKeptFor / (2 * limits::kRetentionHaste));
  start();
  pass(limits::kFinishedKeptFor / (2 * limits::kRetentionHaste));
  EXPECT_FALSE(is_gone(done));
  EXPECT_TRUE(goes(done));
}

}  // namespace
}  // namespace hearth::api
