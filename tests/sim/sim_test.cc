// The simulator as a test: many seeds hold, a seed replays, and its faults reach what they are for.
#include <gtest/gtest.h>

#include "runner.h"

namespace hearth::sim {
namespace {

constexpr std::uint64_t kSeeds = 2'000;
constexpr std::uint64_t kProcesses = 2;

TEST(SimTest, ThousandsOfSeedsHold) {
  for (const ChildReport& report : run_seeds_in_children({1, kSeeds}, {}, kProcesses)) {
    EXPECT_FALSE(report.failed) << report.output;
  }
}

// Each was a defect of the core, of the judge or of the world, which no seed before it had shown.
TEST(SimTest, SeedsThatOnceFailedHold) {
  for (const std::uint64_t seed : {2'944, 4'230, 5'180, 47'582, 88'673}) {
    const SimOptions options = options_from_seed(seed, Scenario::Any);
    EXPECT_EQ(run_simulation(options, {}).failure, "") << to_string(options);
  }
}

TEST(SimTest, OneSeedIsOneHistory) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const SimOptions options = options_from_seed(seed, Scenario::Any);
    const RunReport first = run_simulation(options, {});
    const RunReport second = run_simulation(options, {});
    EXPECT_EQ(first.fingerprint, second.fingerprint) << to_string(options);
    EXPECT_EQ(first.steps, second.steps) << to_string(options);
  }
}

TEST(SimTest, SeedsDiffer) {
  EXPECT_NE(run_simulation(options_from_seed(1, Scenario::Mixed), {}).fingerprint,
            run_simulation(options_from_seed(2, Scenario::Mixed), {}).fingerprint);
}

// A checker that is never put to the test proves nothing: the faults must lead to lost attempts
// whose two copies overlap, to adoptions and to restarts in the middle of work.
TEST(SimTest, FaultsReachWhatTheyAreFor) {
  const RunReport partitions = run_seeds({1, 60, Scenario::Partitions}, {});
  EXPECT_EQ(partitions.failure, "");
  EXPECT_GT(partitions.overlaps, 0);
  EXPECT_GT(partitions.adoptions, 0);
  const RunReport crashes = run_seeds({1, 30, Scenario::Crashes}, {});
  EXPECT_EQ(crashes.failure, "");
  EXPECT_GT(crashes.controller_crashes, 30);
  EXPECT_GT(crashes.recovery_checks, 0);
  EXPECT_GT(crashes.removals, 0);
}

TEST(SimTest, CalmRunsLoseNothing) {
  const RunReport calm = run_seeds({1, 30, Scenario::Calm}, {});
  EXPECT_EQ(calm.failure, "");
  EXPECT_EQ(calm.overlaps, 0);
  EXPECT_EQ(calm.adoptions, 0);
  EXPECT_EQ(calm.controller_crashes, 0);
  EXPECT_EQ(calm.losses, 0);
  EXPECT_GT(calm.jobs, 0);
}

}  // namespace
}  // namespace hearth::sim
