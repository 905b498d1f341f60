#include "front/tasks/task_words.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace hearth::tasks {
namespace {

JobView ended(JobState state, Reason reason) {
  JobView job;
  job.spec.execution.timeout = Duration(5'000);
  job.record.state = state;
  job.record.reason = reason;
  job.record.message = "in words of jobs: timeoutMs, requiredRamMb, maxLost";
  job.attempts.push_back({.number = 1, .agent = AgentId("w1")});
  return job;
}

bool says(const JobView& job, std::string_view part) {
  return failure_of(job).find(part) != std::string::npos;
}

TEST(TaskWordsTest, ATimeoutIsThatOfTheTaskInSeconds) {
  JobView job = ended(JobState::TimedOut, Reason::TimedOut);
  EXPECT_TRUE(says(job, "its timeout of 5 s")) << failure_of(job);
  EXPECT_TRUE(says(job, "a larger timeout.")) << failure_of(job);
  job.spec.execution.timeout = Duration(1'250);
  EXPECT_TRUE(says(job, "its timeout of 1.25 s")) << failure_of(job);
  job.spec.execution.timeout = Duration(7);
  EXPECT_TRUE(says(job, "its timeout of 0.007 s")) << failure_of(job);
}

TEST(TaskWordsTest, MemoryIsNoFieldOfATask) {
  const JobView job = ended(JobState::Failed, Reason::Oom);
  EXPECT_TRUE(says(job, "memory limit of 512 MiB")) << failure_of(job);
  EXPECT_FALSE(says(job, "requiredRamMb")) << failure_of(job);
}

TEST(TaskWordsTest, LossesAreThoseOfWorkers) {
  for (const Reason reason :
       {Reason::AgentLost, Reason::AgentRestarted, Reason::Drained, Reason::LauncherLost}) {
    const JobView job = ended(JobState::Failed, reason);
    EXPECT_TRUE(says(job, "Worker w1 ")) << failure_of(job);
    EXPECT_TRUE(says(job, "after 6 such losses")) << failure_of(job);
    EXPECT_FALSE(says(job, "maxLost")) << failure_of(job);
  }
  JobView once = ended(JobState::Failed, Reason::AgentRestarted);
  once.spec.scheduling.max_lost = 0;
  EXPECT_TRUE(says(once, "w1 was restarted")) << failure_of(once);
  EXPECT_TRUE(says(once, "after 1 such loss;")) << failure_of(once);
}

TEST(TaskWordsTest, WhatNamesNoFieldIsPassedOn) {
  JobView job = ended(JobState::Failed, Reason::ExitNonzero);
  job.record.message = "The program ended with exit code 1.";
  EXPECT_EQ(failure_of(job), job.record.message);
}

TEST(TaskWordsTest, OnlyWhatEndedWithoutCompletingFailed) {
  EXPECT_EQ(failure_of(ended(JobState::Completed, Reason::None)), "");
  EXPECT_EQ(failure_of(ended(JobState::Queued, Reason::AgentLost)), "");
  EXPECT_EQ(failure_of(ended(JobState::Running, Reason::None)), "");
}

TEST(TaskWordsTest, RefusalsNameFieldsOfTasks) {
  const Error language = in_words_of_tasks({.code = ErrorCode::FailedPrecondition,
                                            .message = "No agent offers the language \"cobol\".",
                                            .kind = "not_supported",
                                            .field = "script.language"});
  EXPECT_EQ(language.field, "language");
  EXPECT_EQ(language.kind, "invalid_field");
  const Error sandbox = in_words_of_tasks(
      {.code = ErrorCode::FailedPrecondition,
       .message = "No registered agent offers the sandbox level \"process\"; ask for another.",
       .kind = "sandbox_unavailable",
       .field = "sandbox"});
  EXPECT_EQ(sandbox.kind, "sandbox_unavailable");
  EXPECT_EQ(sandbox.field, "");
  EXPECT_EQ(sandbox.message.find("level"), std::string::npos) << sandbox.message;
  const Error full = in_words_of_tasks({.code = ErrorCode::ResourceExhausted,
                                        .message = "The queue is full.",
                                        .kind = "queue_full"});
  EXPECT_EQ(full.message, "The queue is full.");
}

}  // namespace
}  // namespace hearth::tasks
