// Submission: batches, keys, limits, dependencies, groups and times.
#include <gtest/gtest.h>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using std::chrono::seconds;
using testing::Env;

TEST(SubmitTest, IdsGrowAndCarryTheTime) {
  Env env;
  const JobId first = env.submit(env.job());
  const JobId second = env.submit(env.job());
  EXPECT_GT(second, first);
  EXPECT_EQ(time_of(first), env.now());
}

TEST(SubmitTest, AKnownKeyGivesTheExistingJob) {
  Env env;
  const JobId job = env.submit(env.job().key("k"));
  const auto again = env.submit_all({env.job().key("k").cpus(3), env.job().key("other")});
  EXPECT_EQ(again[0]->id, job);
  EXPECT_TRUE(again[0]->replayed);
  EXPECT_FALSE(again[1]->replayed);
  EXPECT_EQ(env.controller().find_idempotency_key("k"), job);
  env.restart();
  EXPECT_EQ(env.submit_all({env.job().key("k")})[0]->id, job);
}

TEST(SubmitTest, AKeyOfAnEndedJobComesFromTheStore) {
  Env env;
  const JobId job = env.submit(env.job().key("k"));
  env.cancel(job);
  EXPECT_EQ(env.controller().find_idempotency_key("k"), std::nullopt);
  auto item = env.job().key("k");
  item.item.existing = job;
  item.item.existing_state = JobState::Cancelled;
  const auto outcome = env.submit_all({item});
  EXPECT_EQ(outcome[0]->id, job);
  EXPECT_EQ(outcome[0]->state, JobState::Cancelled);
  EXPECT_TRUE(outcome[0]->replayed);
}

TEST(SubmitTest, TheSameKeyTwiceInOneBatchMakesOneJob) {
  Env env;
  const auto outcomes = env.submit_all({env.job().key("k"), env.job().key("k")});
  EXPECT_EQ(outcomes[0]->id, outcomes[1]->id);
  EXPECT_EQ(env.controller().live_jobs(), 1);
}

TEST(SubmitTest, AFullQueueNamesItsLimit) {
  Options options;
  options.queue_jobs_max = 2;
  Env env(options);
  const auto outcomes = env.submit_all({env.job(), env.job(), env.job()});
  ASSERT_FALSE(outcomes[2].has_value());
  const Error& error = outcomes[2].error();
  EXPECT_EQ(error.code, ErrorCode::ResourceExhausted);
  EXPECT_EQ(error.kind, "queue_full");
  EXPECT_EQ(error.limit, "queue_jobs_max");
  EXPECT_EQ(error.limit_value, 2);
  env.cancel(outcomes[0]->id);
  env.submit(env.job());
}

TEST(SubmitTest, WhatRunsDoesNotCountAsQueued) {
  Options options;
  options.queue_jobs_max = 1;
  Env env(options);
  env.agent("a").join();
  for (int i = 0; i < 4; ++i) {
    env.submit(env.job());
  }
  EXPECT_EQ(env.controller().count(JobState::Assigned), 4);
}

TEST(SubmitTest, PayloadsAreBounded) {
  Options options;
  options.queue_payload_bytes_max = 100;
  Env env(options);
  const JobId job = env.submit(env.job().payload_bytes(60));
  const Error error = env.submit_refused(env.job().payload_bytes(41));
  EXPECT_EQ(error.kind, "queue_full");
  EXPECT_EQ(error.limit, "queue_payload_bytes_max");
  EXPECT_EQ(error.limit_value, 100);
  env.submit(env.job().payload_bytes(40));
  env.cancel(job);
  env.submit(env.job().payload_bytes(60));
}

TEST(SubmitTest, NegativeAmountsAreRefusedByName) {
  Env env;
  EXPECT_EQ(env.submit_refused(env.job().cpus(-1)).field, "requiredCpu");
  EXPECT_EQ(env.submit_refused(env.job().memory_mib(-1)).field, "requiredRamMb");
  EXPECT_EQ(env.submit_refused(env.job().gpus(-1)).field, "gpus");
  EXPECT_EQ(env.submit_refused(env.job().resource("x", -1)).field, "resources");
  EXPECT_EQ(env.submit_refused(env.job().group("g", -1)).field, "groupLimit");
}

TEST(FeasibilityTest, WaitsByDefaultAndRejectsWhenAsked) {
  Env env;
  env.submit(env.job().cpus(64).reject_infeasible());  // no agents: never infeasible
  env.agent("a").cpus(8).join();
  const JobId waits = env.submit(env.job().cpus(64));
  EXPECT_EQ(env.state(waits), JobState::Queued);
  const Error error = env.submit_refused(env.job().cpus(64).reject_infeasible());
  EXPECT_EQ(error.kind, "infeasible");
  EXPECT_NE(error.message.find("64 CPU"), std::string::npos);
  EXPECT_NE(error.message.find("8 CPU in all"), std::string::npos);
  env.submit(env.job().cpus(8).reject_infeasible());
}

TEST(FeasibilityTest, ASandboxThatNobodyOffersIsRefused) {
  Env env;
  env.submit(env.job().sandbox(SandboxLevel::Process));
  env.agent("a").sandboxes({SandboxLevel::None}).join();
  EXPECT_EQ(env.submit_refused(env.job().sandbox(SandboxLevel::Process)).kind,
            "sandbox_unavailable");
  env.agent("b").sandboxes({SandboxLevel::None, SandboxLevel::Process}).join();
  env.take_assignments();
  env.submit(env.job().sandbox(SandboxLevel::Process));
}

TEST(FeasibilityTest, ALanguageThatNobodyOffersIsRefusedByName) {
  Env env;
  env.submit(env.job().feature("lang:rust"));  // no agents: never infeasible
  env.agent("a").features({"lang:sh", "lang:js", "image:debian"}).join();
  const Error error = env.submit_refused(env.job().feature("lang:javasript"));
  EXPECT_EQ(error.kind, "not_supported");
  EXPECT_EQ(error.field, "script.language");
  EXPECT_NE(error.message.find("the language \"javasript\"; there is js, sh."), std::string::npos)
      << error.message;
  EXPECT_EQ(env.submit_refused(env.job().feature("image:alpine")).field, "image");
  env.submit(env.job().feature("lang:js").feature("image:debian").feature("lang:js"));
}

TEST(DependencyTest, FailureMeetsAnyAndNotOkButNotOk) {
  for (const auto condition :
       {DependencyCondition::Ok, DependencyCondition::Any, DependencyCondition::NotOk}) {
    Env env;
    env.agent("a").join();
    const JobId first = env.submit(env.job());
    const JobId second = env.submit(env.job().after(first, condition));
    EXPECT_EQ(env.state(second), JobState::Submitted);
    env.exited("a", env.expect_assign("a", first), 1);
    if (condition != DependencyCondition::Ok) {
      EXPECT_EQ(env.state(second), JobState::Assigned);
      continue;
    }
    EXPECT_EQ(env.state(second), JobState::Failed);
    EXPECT_EQ(env.record(second).reason, Reason::DependencyFailed);
    EXPECT_NE(env.record(second).message.find(to_string(first)), std::string::npos);
  }
}

TEST(DependencyTest, SuccessMeetsOkAndAnyButNotNotOk) {
  for (const auto condition :
       {DependencyCondition::Ok, DependencyCondition::Any, DependencyCondition::NotOk}) {
    Env env;
    env.agent("a").join();
    const JobId first = env.submit(env.job());
    const JobId second = env.submit(env.job().after(first, condition));
    env.completed("a", env.expect_assign("a", first));
    const bool met = condition != DependencyCondition::NotOk;
    EXPECT_EQ(env.state(second), met ? JobState::Assigned : JobState::Failed);
  }
}

TEST(DependencyTest, AFailureFallsThroughAChainLongerThanAnyStack) {
  // A controller of its own: Env compares with a restored one after each turn.
  Controller controller{Options{}};
  const TimePoint now = time_from_ms(1'000);
  Submit submit;
  constexpr std::size_t kLength = 50'000;
  for (std::size_t i = 0; i < kLength; ++i) {
    auto job = Env::job();
    if (i > 0) {
      job.after_ref(i - 1);
    }
    submit.items.push_back(job.item);
  }
  Decision decision;
  controller.decide(submit, now, decision);
  const JobId first = std::get<ReplySubmit>(decision.effects.at(0)).outcomes.at(0)->id;
  controller.decide(Cancel{0, first}, now, decision);
  EXPECT_EQ(controller.count(JobState::Failed), static_cast<std::int64_t>(kLength) - 1);
  EXPECT_EQ(controller.live_jobs(), 0);
  controller.check_invariants();
}

TEST(DependencyTest, ABatchRefersToItsEarlierItems) {
  Env env;
  env.agent("a").join();
  const auto outcomes =
      env.submit_all({env.job(), env.job().after_ref(0), env.job().after_ref(0).after_ref(1)});
  const AttemptKey first = env.expect_assign("a", outcomes[0]->id);
  env.completed("a", first);
  env.expect_ack(first);
  const AttemptKey second = env.expect_assign("a", outcomes[1]->id);
  EXPECT_EQ(env.state(outcomes[2]->id), JobState::Submitted);
  env.completed("a", second);
  env.expect_ack(second);
  env.expect_assign("a", outcomes[2]->id);
  env.expect_no_more_effects();
}

TEST(DependencyTest, RefusesWhatDoesNotExistOrWasRefused) {
  Env env;
  const auto outcomes =
      env.submit_all({env.job().cpus(-1), env.job().after_ref(0), env.job().after_ref(2)});
  EXPECT_EQ(outcomes[1].error().field, "after");
  EXPECT_NE(outcomes[1].error().message.find("requiredCpu"), std::string::npos);
  EXPECT_EQ(outcomes[2].error().field, "after");
  EXPECT_EQ(env.submit_refused(env.job().after(JobId(7))).field, "after");
}

TEST(DependencyTest, AnEndedDependencyDecidesAtOnce) {
  Env env;
  const JobId ended = env.submit(env.job());
  env.cancel(ended);
  const auto outcomes =
      env.submit_all({env.job().after(ended), env.job().after(ended, DependencyCondition::NotOk)});
  EXPECT_EQ(outcomes[0]->state, JobState::Failed);
  EXPECT_EQ(outcomes[1]->state, JobState::Queued);
}

TEST(DependencyTest, SurvivesARestart) {
  Env env;
  env.agent("a").join();
  const JobId first = env.submit(env.job());
  const JobId done = env.submit(env.job());
  const AttemptKey key = env.expect_assign("a", first);
  const AttemptKey other = env.expect_assign("a", done);
  const JobId second = env.submit(env.job().after(first).after(done));
  env.completed("a", other);
  env.restart();
  env.agent("a").holds(key).join();
  EXPECT_EQ(env.state(second), JobState::Submitted);
  env.completed("a", key);
  env.expect_ack(key);
  env.expect_assign("a", second);
}

TEST(DependencyTest, ARestoredJobWhoseDependencyFailedIsEndedByTheRules) {
  Env env;
  const JobId first = env.submit(env.job());
  const JobId second = env.submit(env.job().after(first));
  Snapshot snapshot = env.rows().snapshot(2);
  std::erase_if(snapshot.jobs, [&](const RestoredJob& job) { return job.record.id == first; });
  snapshot.ended_dependencies[first] = JobState::Failed;
  Controller other{Options{}};
  other.restore(snapshot, env.now());
  Decision decision;
  other.decide(Tick{}, env.now(), decision);
  EXPECT_EQ(other.find(second)->state, JobState::Failed);
  EXPECT_EQ(other.find(second)->reason, Reason::DependencyFailed);
}

TEST(TimeTest, NotBeforeHoldsTheJobBack) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().not_before(env.now() + seconds(10)));
  EXPECT_EQ(env.state(job), JobState::Submitted);
  EXPECT_EQ(env.record(job).eligible_at, env.now() + seconds(10));
  env.advance(seconds(9));
  env.expect_no_more_effects();
  env.advance(seconds(1));
  env.expect_assign("a", job);
}

TEST(TimeTest, NotBeforeAndADependencyMustBothBeMet) {
  for (const bool time_first : {true, false}) {
    Env env;
    env.agent("a").join();
    const JobId first = env.submit(env.job());
    const AttemptKey key = env.expect_assign("a", first);
    const JobId job = env.submit(env.job().after(first).not_before(env.now() + seconds(10)));
    if (time_first) {
      env.advance(seconds(20));
      EXPECT_EQ(env.state(job), JobState::Submitted);
      env.completed("a", key);
    } else {
      env.completed("a", key);
      EXPECT_EQ(env.state(job), JobState::Submitted);
      env.advance(seconds(10));
    }
    env.expect_ack(key);
    env.expect_assign("a", job);
  }
}

TEST(TimeTest, MaxQueueEndsTheWait) {
  Env env;
  const JobId job = env.submit(env.job().max_queue(seconds(5)));
  const JobId dependent = env.submit(env.job().after(job, DependencyCondition::NotOk));
  env.advance(seconds(4));
  EXPECT_EQ(env.state(job), JobState::Queued);
  env.advance(seconds(1));
  EXPECT_EQ(env.state(job), JobState::Failed);
  EXPECT_EQ(env.record(job).reason, Reason::QueueTimeout);
  EXPECT_NE(env.record(job).message.find("5 s"), std::string::npos);
  EXPECT_EQ(env.state(dependent), JobState::Queued);
}

TEST(TimeTest, MaxQueueDoesNotTouchWhatRuns) {
  Env env;
  env.agent("a").join();
  const JobId job = env.submit(env.job().max_queue(seconds(5)));
  env.expect_assign("a", job);
  env.advance(seconds(60));
  EXPECT_EQ(env.state(job), JobState::Assigned);
}

TEST(GroupTest, AtMostTheLimitRunsAtOnce) {
  Env env;
  env.agent("a").join();
  std::vector<JobId> jobs;
  for (int i = 0; i < 4; ++i) {
    jobs.push_back(env.submit(env.job().group("g", 2)));
  }
  const JobId outside = env.submit(env.job());
  auto assigned = env.take_assignments()["a"];
  ASSERT_EQ(assigned.size(), 3U);
  EXPECT_EQ(assigned[2].job, outside);
  env.completed("a", assigned[0]);
  env.expect_ack(assigned[0]);
  env.expect_assign("a", jobs[2]);
  env.expect_no_more_effects();
}

TEST(GroupTest, TheSmallestLimitAmongLiveJobsHolds) {
  Env env;
  env.agent("a").join();
  const JobId strict = env.submit(env.job().group("g", 1));
  const JobId lax = env.submit(env.job().group("g", 3));
  const AttemptKey key = env.expect_assign("a", strict);
  env.expect_no_more_effects();
  env.completed("a", key);
  env.expect_ack(key);
  env.expect_assign("a", lax);
  const JobId another = env.submit(env.job().group("g", 3));
  env.expect_assign("a", another);
  env.expect_no_more_effects();
}

TEST(GroupTest, TheCapSpansClassesAndSurvivesARestart) {
  Env env;
  env.agent("a").join();
  const JobId first = env.submit(env.job().group("g", 1));
  const AttemptKey key = env.expect_assign("a", first);
  const JobId second = env.submit(env.job().group("g", 1).cpus(2).priority(9));
  env.restart();
  env.agent("a").holds(key).join();
  EXPECT_EQ(env.state(second), JobState::Queued);
  env.completed("a", key);
  env.expect_ack(key);
  env.expect_assign("a", second);
}

}  // namespace
}  // namespace hearth::core
