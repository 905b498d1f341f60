#include "front/rest/job_answers.h"

#include <gtest/gtest.h>

#include "front/rest/testing/rest_fixture.h"

namespace hearth::rest {
namespace {

TEST(JobAnswersTest, AnAnswerHoldsForItsJobAndItsVersionOnly) {
  JobAnswers answers;
  const JobId job(7);
  EXPECT_FALSE(answers.find(job, 0));
  EXPECT_FALSE(answers.find(JobId(), 0)) << "an empty place is nobody's";
  answers.keep(job, 3, "three");
  EXPECT_EQ(answers.find(job, 3), "three");
  EXPECT_FALSE(answers.find(job, 4));
  EXPECT_FALSE(answers.find(job, 2));
  const JobId neighbour(job.value() + static_cast<std::uint64_t>(limits::kJobAnswersKept));
  EXPECT_FALSE(answers.find(neighbour, 3));
  answers.keep(neighbour, 3, "other");
  EXPECT_FALSE(answers.find(job, 3));
  EXPECT_EQ(answers.find(neighbour, 3), "other");
}

TEST(JobAnswersTest, WhatIsTooLargeIsNotKept) {
  JobAnswers answers;
  const std::string most(static_cast<std::size_t>(limits::kJobAnswerBytesMax), 'x');
  answers.keep(JobId(1), 1, most);
  answers.keep(JobId(2), 1, most + 'x');
  EXPECT_EQ(answers.find(JobId(1), 1), most);
  EXPECT_FALSE(answers.find(JobId(2), 1));
}

class JobAnswersRestTest : public testing::RestFixture {};

TEST_F(JobAnswersRestTest, AJobThatIsAskedForAgainIsReadFromTheStoreOncePerChange) {
  const JobId id = submit();
  const std::string path = "/v1/jobs/" + to_string(id);
  const auto first = get(path);
  const std::int64_t reads = api_.reads_of_jobs();
  EXPECT_EQ(get(path).body, first.body);
  EXPECT_EQ(api_.reads_of_jobs(), reads);
  api_.start_attempt(id);
  EXPECT_EQ(text(json(get(path)), "state"), "RUNNING");
  EXPECT_EQ(api_.reads_of_jobs(), reads + 1);
  api_.finish(id, {.state = JobState::Completed, .exit_code = 0});
  EXPECT_EQ(text(json(get(path)), "state"), "COMPLETED");
  EXPECT_EQ(text(json(get(path)), "state"), "COMPLETED");
  EXPECT_EQ(api_.reads_of_jobs(), reads + 2);
}

TEST_F(JobAnswersRestTest, AJobThatIsNotThereIsLookedForEachTime) {
  EXPECT_EQ(get("/v1/jobs/" + to_string(JobId(5))).status, 404);
  EXPECT_EQ(get("/v1/jobs/" + to_string(JobId(5))).status, 404);
}

}  // namespace
}  // namespace hearth::rest
