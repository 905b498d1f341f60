// The simulator is only worth what it sees. Each deliberate defect of the core, of an agent or of
// the shell around them must be caught within its number of seeds; and without one the same build
// holds.
#include <gtest/gtest.h>

#include <string>

#include "mutations.h"
#include "runner.h"

namespace hearth::sim {
namespace {

class MutationTest : public ::testing::TestWithParam<Mutation> {};

TEST_P(MutationTest, IsCaught) {
  const Mutation& mutation = GetParam();
  RunSettings settings;
  settings.mutation = std::string(mutation.name);
  const auto reports = run_seeds_in_children({1, mutation.seeds, mutation.scenario}, settings, 1);
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_TRUE(reports[0].failed) << mutation.name << " breaks \"" << mutation.breaks
                                 << "\" and is not seen in " << mutation.seeds << " seeds";
  EXPECT_NE(reports[0].output.find("replay: hearth_sim_mutated --seed="), std::string::npos)
      << reports[0].output;
}

INSTANTIATE_TEST_SUITE_P(All, MutationTest, ::testing::ValuesIn(all_mutations()),
                         [](const ::testing::TestParamInfo<Mutation>& test) {
                           return std::string(test.param.name);
                         });

TEST(MutationReportTest, AFailureNamesItsOptionsAndItsReplay) {
  const RunReport broken =
      run_seeds({1, 50, Scenario::Crashes}, {.mutation = "reply_before_commit"});
  EXPECT_NE(broken.failure.find("scenario=crashes"), std::string::npos);
  EXPECT_NE(broken.failure.find("replay: hearth_sim_mutated --seed="), std::string::npos);
}

TEST(MutationReportTest, WithoutADefectTheSameBuildHolds) {
  for (const ChildReport& report : run_seeds_in_children({1, 100}, {}, 2)) {
    EXPECT_FALSE(report.failed) << report.output;
  }
}

}  // namespace
}  // namespace hearth::sim
