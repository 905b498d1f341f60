// Dependencies among the jobs of one batch, and several that end in one step.
#include <gtest/gtest.h>

#include "core/testing/env.h"

namespace hearth::core {
namespace {

using testing::Env;

TEST(BatchEdgesTest, ReachTheStoreAsIds) {
  Env env;
  const auto outcomes =
      env.submit_all({env.job(), env.job().after_ref(0, DependencyCondition::NotOk)});
  EXPECT_EQ(env.state(outcomes[1]->id), JobState::Submitted);
  env.restart();  // from the rows: the edge must be among them
  env.agent("a").join();
  const AttemptKey first = env.expect_assign("a", outcomes[0]->id);
  env.exited("a", first, 1);
  env.expect_ack(first);
  env.expect_assign("a", outcomes[1]->id);
}

// The first job's end ends the second, and both ends concern the third: one allows it, the other
// does not. The one that allows it comes first in the order of ids.
TEST(BatchEdgesTest, AnUnmetEdgeWinsOverOneThatIsMetInTheSameStep) {
  Env env;
  env.agent("a").join();
  const auto outcomes =
      env.submit_all({env.job(), env.job().after_ref(0),
                      env.job().after_ref(0, DependencyCondition::Any).after_ref(1)});
  const AttemptKey first = env.expect_assign("a", outcomes[0]->id);
  env.exited("a", first, 1);
  env.expect_ack(first);
  env.expect_no_more_effects();
  EXPECT_EQ(env.state(outcomes[1]->id), JobState::Failed);
  EXPECT_EQ(env.state(outcomes[2]->id), JobState::Failed);
  EXPECT_EQ(env.record(outcomes[2]->id).reason, Reason::DependencyFailed);
}

TEST(BatchEdgesTest, ContradictoryEdgesToOneJobAreNeverBothMet) {
  for (const std::int32_t code : {0, 1}) {
    Env env;
    env.agent("a").join();
    const auto outcomes = env.submit_all(
        {env.job(), env.job().after_ref(0).after_ref(0, DependencyCondition::NotOk)});
    const AttemptKey first = env.expect_assign("a", outcomes[0]->id);
    code == 0 ? env.completed("a", first) : env.exited("a", first, code);
    env.expect_ack(first);
    env.expect_no_more_effects();
    EXPECT_EQ(env.record(outcomes[1]->id).reason, Reason::DependencyFailed);
  }
}

}  // namespace
}  // namespace hearth::core
