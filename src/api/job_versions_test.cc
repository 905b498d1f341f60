#include "api/job_versions.h"

#include <gtest/gtest.h>

namespace hearth::api {
namespace {

TEST(JobVersionsTest, AChangeOutdatesItsJobAndThoseThatShareItsCounterOnly) {
  JobVersions versions;
  const JobId job(5);
  const JobId sharing(job.value() + static_cast<std::uint64_t>(limits::kJobVersionCounters));
  const JobId other(6);
  const auto of_job = versions.of(job);
  const auto of_sharing = versions.of(sharing);
  const auto of_other = versions.of(other);
  versions.changed(job);
  EXPECT_NE(versions.of(job), of_job);
  EXPECT_NE(versions.of(sharing), of_sharing);
  EXPECT_EQ(versions.of(other), of_other);
}

TEST(JobVersionsTest, EventsAndAttemptsAreChangesOfTheirJobs) {
  JobVersions versions;
  ChangeSet changes;
  changes.events.push_back({.seq = EventSeq(1), .after = {.id = JobId(1)}});
  changes.attempts.push_back({.job = JobId(2), .attempt = {}});
  versions.changed(changes);
  EXPECT_NE(versions.of(JobId(1)), versions.of(JobId(3)));
  EXPECT_NE(versions.of(JobId(2)), versions.of(JobId(3)));
}

}  // namespace
}  // namespace hearth::api
