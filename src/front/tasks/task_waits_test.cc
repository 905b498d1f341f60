#include "front/tasks/task_waits.h"

#include <gtest/gtest.h>

namespace hearth::tasks {
namespace {

class TaskWaitsTest : public ::testing::Test {
 protected:
  // A wait that notes its name when it is over.
  void add(const std::string& name, const std::vector<JobId>& jobs, std::uint64_t ticks) {
    waits_.add(jobs, ticks, [this, name] { over_ += name; });
  }

  TaskWaits waits_{4};
  std::string over_;
};

TEST_F(TaskWaitsTest, IsOverWithTheLastOfItsTasks) {
  add("a", {JobId(1), JobId(2), JobId(2)}, 60);
  add("b", {JobId(2)}, 60);
  waits_.ended({JobId(3), JobId(2)});
  EXPECT_EQ(over_, "b");
  waits_.ended({JobId(2)});
  EXPECT_EQ(over_, "b");
  waits_.ended({JobId(1)});
  EXPECT_EQ(over_, "ba");
  EXPECT_EQ(waits_.waiting(), 0);
}

TEST_F(TaskWaitsTest, IsOverWhenItsTimeIsUpAndNotBefore) {
  add("a", {JobId(1)}, 1);
  add("b", {JobId(1), JobId(2)}, 2);
  waits_.tick();  // may come a moment after the wait began
  EXPECT_EQ(over_, "");
  waits_.tick();
  EXPECT_EQ(over_, "a");
  waits_.tick();
  EXPECT_EQ(over_, "ab");
  waits_.ended({JobId(1), JobId(2)});
  EXPECT_EQ(over_, "ab");
}

TEST_F(TaskWaitsTest, OneWaitLeavesTheOthersOfTheSameTask) {
  add("a", {JobId(1)}, 0);
  add("b", {JobId(1)}, 9);
  waits_.tick();
  EXPECT_EQ(over_, "a");
  waits_.ended({JobId(1)});
  EXPECT_EQ(over_, "ab");
}

TEST_F(TaskWaitsTest, NothingToWaitForIsOverAtOnce) {
  add("a", {}, 9);
  EXPECT_EQ(over_, "a");
}

TEST_F(TaskWaitsTest, StopEndsAllAndThoseToCome) {
  add("a", {JobId(1)}, 9);
  add("b", {JobId(1), JobId(2)}, 9);
  waits_.stop();
  EXPECT_EQ(over_, "ab");
  add("c", {JobId(1)}, 9);
  EXPECT_EQ(over_, "abc");
  EXPECT_EQ(waits_.waiting(), 0);
}

TEST_F(TaskWaitsTest, HasPlacesForSoManyTasks) {
  auto three = waits_.reserve(3);
  ASSERT_TRUE(three);
  const auto one = waits_.reserve(1);
  ASSERT_TRUE(one);
  const auto refused = waits_.reserve(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().limit, "task_waits_max");
  EXPECT_EQ(refused.error().limit_value, 4);
  three->reset();
  EXPECT_TRUE(waits_.reserve(3));
}

// A callback may well ask for the next wait.
TEST_F(TaskWaitsTest, ACallbackMayWaitAgain) {
  waits_.add({JobId(1)}, 9, [this] { add("b", {JobId(2)}, 9); });
  waits_.ended({JobId(1)});
  EXPECT_EQ(waits_.waiting(), 1);
  waits_.ended({JobId(2)});
  EXPECT_EQ(over_, "b");
}

}  // namespace
}  // namespace hearth::tasks
