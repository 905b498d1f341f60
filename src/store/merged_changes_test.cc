#include "store/merged_changes.h"

#include <gtest/gtest.h>

#include "store/testing/change_builder.h"

namespace hearth::store {
namespace {

TEST(MergedChangesTest, WritesEachRowOnceWithItsLastContent) {
  testing::ChangeBuilder build;
  const JobId first = build.submit();
  const JobId second = build.submit();
  build.agent("a1");
  const ChangeSet one = build.take();
  build.assign(second);
  build.assign(first);
  build.start(first);
  build.end(first);
  build.agent("a1", AgentStatus::Busy);
  const ChangeSet two = build.take();

  const MergedChanges merged = merge({&one, &two}).value();
  ASSERT_EQ(merged.jobs.size(), 2U);
  EXPECT_EQ(merged.jobs[0].id, first);
  EXPECT_NE(merged.jobs[0].created, nullptr);
  EXPECT_EQ(*merged.jobs[0].record, build.job(first));
  EXPECT_EQ(&merged.events.at(merged.jobs[0].last_event)->after, merged.jobs[0].record);
  EXPECT_EQ(*merged.jobs[1].record, build.job(second));
  EXPECT_EQ(merged.events.size(), 8U);
  ASSERT_EQ(merged.attempts.size(), 2U);
  EXPECT_EQ(merged.attempts[0]->job, first);
  EXPECT_EQ(merged.attempts[0]->attempt.state, JobState::Completed);
  ASSERT_EQ(merged.agents.size(), 1U);
  EXPECT_EQ(merged.agents[0]->status, AgentStatus::Busy);
}

TEST(MergedChangesTest, RefusesWhatTheCoreNeverMakes) {
  testing::ChangeBuilder build;
  build.submit();
  const ChangeSet good = build.take();
  EXPECT_TRUE(merge({&good}));
  EXPECT_FALSE(merge({&good, &good})) << "the same new job and seqs twice";

  ChangeSet no_event = good;
  no_event.events.clear();
  EXPECT_FALSE(merge({&no_event}));
  ChangeSet no_payload = good;
  no_payload.new_jobs[0].payload = nullptr;
  EXPECT_FALSE(merge({&no_payload}));
  ChangeSet out_of_order = good;
  std::swap(out_of_order.events[0], out_of_order.events[1]);
  EXPECT_FALSE(merge({&out_of_order}));
  ChangeSet nobody = good;
  nobody.events[0].after.id = {};
  EXPECT_FALSE(merge({&nobody}));
}

}  // namespace
}  // namespace hearth::store
