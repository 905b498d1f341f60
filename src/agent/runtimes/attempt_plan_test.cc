#include "agent/runtimes/attempt_plan.h"

#include <gtest/gtest.h>

namespace hearth::agent {
namespace {

const EnvironmentBase kBase{.path = "/bin", .lang = "C.UTF-8", .home = "/w", .tmpdir = "/w/.tmp"};

AttemptKey key() {
  return AttemptKey{.job = JobId(1), .attempt = 2, .epoch = 3};
}

TEST(AttemptPlanTest, TheEnvironmentIsFresh) {
  const std::vector<std::string> expected = {
      "HEARTH_ATTEMPT=2", "HEARTH_JOB_ID=" + to_string(JobId(1)),
      "HOME=/w",          "LANG=C.UTF-8",
      "PATH=/bin",        "TMPDIR=/w/.tmp"};
  EXPECT_EQ(environment_of(key(), JobSpec{}, kBase), expected);
}

TEST(AttemptPlanTest, WhatIsGivenGoesOverTheBaseAndSecretsOverBoth) {
  JobSpec spec;
  spec.execution.env = {{"PATH", "/opt/bin"}, {"A", "plain"}, {"B", "plain"}};
  spec.execution.secret_env = {{"B", "secret"}};
  spec.array_index = 17;
  const auto environment = environment_of(key(), spec, kBase);
  const auto has = [&](const std::string& entry) {
    return std::count(environment.begin(), environment.end(), entry) == 1;
  };
  EXPECT_TRUE(has("PATH=/opt/bin"));
  EXPECT_TRUE(has("A=plain"));
  EXPECT_TRUE(has("B=secret"));
  EXPECT_TRUE(has("HEARTH_ARRAY_INDEX=17"));
  EXPECT_EQ(environment.size(), 9U);
}

TEST(AttemptPlanTest, AJobCannotMisstateWhoItIs) {
  JobSpec spec;
  spec.execution.env = {
      {"HEARTH_JOB_ID", "x"}, {"HEARTH_ATTEMPT", "9"}, {"HEARTH_ARRAY_INDEX", "1"}};
  for (const std::string& entry : environment_of(key(), spec, kBase)) {
    EXPECT_NE(entry, "HEARTH_JOB_ID=x");
    EXPECT_NE(entry, "HEARTH_ATTEMPT=9");
    EXPECT_FALSE(entry.starts_with("HEARTH_ARRAY_INDEX="));
  }
}

TEST(AttemptPlanTest, LimitsFollowTheSpec) {
  JobSpec spec;
  spec.scheduling.request.memory_bytes = 1'000;
  spec.scheduling.request.cpu_milli = 500;
  spec.execution.cpu_limit_milli = 2'000;
  const GroupLimits limits = limits_of(spec, 99);
  EXPECT_EQ(limits.memory_bytes, 1'000);
  EXPECT_EQ(limits.cpu_weight_milli, 500);
  EXPECT_EQ(limits.cpu_limit_milli, 2'000);
  EXPECT_EQ(limits.pids, 99);
}

TEST(AttemptPlanTest, OverlappingAttemptsOfOneJobHaveDifferentNames) {
  AttemptKey other = key();
  other.epoch = 4;
  EXPECT_NE(attempt_name(key()), attempt_name(other));
}

}  // namespace
}  // namespace hearth::agent
