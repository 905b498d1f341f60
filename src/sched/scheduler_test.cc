#include "sched/scheduler.h"

#include <gtest/gtest.h>

#include <string>

namespace hearth::sched {
namespace {

using std::chrono::seconds;

AgentInfo agent(const std::string& id, std::int64_t cores) {
  AgentInfo info;
  info.id = AgentId(id);
  info.capacity = {.cpu_milli = cores * 1'000, .memory_bytes = 1 << 30, .gpus = 0, .named = {}};
  return info;
}

ClassKey cores(std::int64_t count, std::int32_t priority = 0, const std::string& group = "") {
  ClassKey key;
  key.request.cpu_milli = count * 1'000;
  key.priority = priority;
  key.group = group;
  return key;
}

class SchedulerTest : public ::testing::Test {
 protected:
  // Makes the next placement true; its job's number, 0 when there is none.
  std::uint64_t place() {
    const auto placement = scheduler_.next();
    if (!placement) {
      return 0;
    }
    const QueuedJob job = scheduler_.queue().at(placement->node);
    scheduler_.dequeue(placement->node);
    scheduler_.reserve(job.class_id, placement->agent, now_);
    latest_ = {job.class_id, placement->agent};
    scheduler_.check_invariants();
    return job.id.value();
  }

  QueueNode enqueue(ClassId id, std::uint64_t job) {
    return scheduler_.enqueue(id, JobId(job), now_, 0);
  }

  Scheduler scheduler_{seconds(60)};
  TimePoint now_ = time_from_ms(1'000'000);
  std::pair<ClassId, AgentSlot> latest_;
};

TEST_F(SchedulerTest, OutcomesAreValues) {
  const ClassId small = scheduler_.acquire(cores(1, 0, "g"), 1);
  const ClassId big = scheduler_.acquire(cores(9), 0);
  EXPECT_EQ(std::get<Waits>(scheduler_.outcome_of(small)).why, Waits::Why::NoAgents);
  const AgentSlot slot = scheduler_.add_agent(agent("a", 1), true);
  EXPECT_EQ(std::get<Placed>(scheduler_.outcome_of(small)).agent, slot);
  EXPECT_TRUE(std::holds_alternative<Infeasible>(scheduler_.outcome_of(big)));
  enqueue(small, 1);
  EXPECT_EQ(place(), 1U);
  EXPECT_EQ(std::get<Waits>(scheduler_.outcome_of(small)).why, Waits::Why::Group);
  const ClassId other = scheduler_.acquire(cores(1), 0);
  EXPECT_EQ(std::get<Waits>(scheduler_.outcome_of(other)).why, Waits::Why::Capacity);
}

TEST_F(SchedulerTest, ABlockedShapeIsAskedAgainWhenCapacityIsReleased) {
  scheduler_.add_agent(agent("a", 2), true);
  const ClassId id = scheduler_.acquire(cores(2), 0);
  enqueue(id, 1);
  enqueue(id, 2);
  EXPECT_EQ(place(), 1U);
  EXPECT_EQ(place(), 0U);
  enqueue(scheduler_.acquire(cores(2, 7), 0), 3);  // the same shape, more important
  EXPECT_EQ(place(), 0U);
  scheduler_.release(latest_.first, latest_.second);
  EXPECT_EQ(place(), 3U);
  scheduler_.add_agent(agent("b", 2), true);
  EXPECT_EQ(place(), 2U);
}

TEST_F(SchedulerTest, ManyGroupsOfOneShapeAreServedInOrder) {
  constexpr std::uint64_t kGroups = 500;
  for (std::uint64_t i = 1; i <= kGroups; ++i) {
    const ClassId id = scheduler_.acquire(cores(1, 0, "g" + std::to_string(i)), 1);
    enqueue(id, i);
    enqueue(id, kGroups + i);
    scheduler_.acquire(cores(1, 0, "g" + std::to_string(i)), 1);
  }
  scheduler_.add_agent(agent("a", 256), true);
  scheduler_.add_agent(agent("b", 256), true);
  for (std::uint64_t i = 1; i <= kGroups; ++i) {
    EXPECT_EQ(place(), i);
  }
  EXPECT_EQ(place(), 0U);  // there is room, but every group is full
  scheduler_.release(latest_.first, latest_.second);
  EXPECT_EQ(place(), 2 * kGroups);
}

TEST_F(SchedulerTest, ReleasedClassesLeaveNothingBehind) {
  scheduler_.add_agent(agent("a", 1), true);
  for (std::uint64_t round = 1; round <= 300; ++round) {
    ClassKey key = cores(1 + static_cast<std::int64_t>(round % 3), 0, "g");
    key.requires_labels["round"] = std::to_string(round);
    const ClassId id = scheduler_.acquire(key, 2);
    const QueueNode node = enqueue(id, round);
    EXPECT_EQ(place(), 0U);
    scheduler_.dequeue(node);
    scheduler_.release_class(id, 2);
    scheduler_.check_invariants();
  }
  EXPECT_EQ(scheduler_.class_count(), 0U);
  EXPECT_EQ(scheduler_.group("g"), nullptr);
  EXPECT_EQ(scheduler_.queue().size(), 0U);
}

TEST_F(SchedulerTest, AHoldMovesOnlyToAnAgentThatIsCloser) {
  const AgentSlot a = scheduler_.add_agent(agent("a", 4), true);
  const AgentSlot b = scheduler_.add_agent(agent("b", 4), true);
  const ClassId unit = scheduler_.acquire(cores(1), 0);
  for (std::uint64_t i = 1; i <= 8; ++i) {
    enqueue(unit, i);
    place();
  }
  const ClassId big = scheduler_.acquire(cores(4), 0);
  enqueue(big, 9);
  now_ += seconds(61);
  scheduler_.release(unit, a);
  scheduler_.sweep(now_);
  EXPECT_EQ(scheduler_.held_by(big), a);
  scheduler_.release(unit, b);
  scheduler_.sweep(now_);
  EXPECT_EQ(scheduler_.held_by(big), a) << "no closer, so it stays";
  scheduler_.release(unit, b);
  scheduler_.sweep(now_);
  EXPECT_EQ(scheduler_.held_by(big), b);
  enqueue(unit, 10);
  EXPECT_EQ(place(), 10U);
  EXPECT_EQ(latest_.second, a) << "the hold on it is gone";
  EXPECT_EQ(place(), 0U);
  scheduler_.release(unit, b);
  scheduler_.release(unit, b);
  EXPECT_EQ(place(), 9U);
  EXPECT_EQ(scheduler_.held_by(big), kNone);
}

TEST_F(SchedulerTest, AnAgentThatStopsAcceptingIsHeldByNobody) {
  const AgentSlot a = scheduler_.add_agent(agent("a", 4), true);
  const ClassId unit = scheduler_.acquire(cores(1), 0);
  enqueue(unit, 1);
  place();
  const ClassId big = scheduler_.acquire(cores(4), 0);
  enqueue(big, 2);
  now_ += seconds(61);
  scheduler_.sweep(now_);
  EXPECT_EQ(scheduler_.holder_of(a), big);
  scheduler_.set_accepting(a, false);
  EXPECT_EQ(scheduler_.holder_of(a), kNone);
  scheduler_.check_invariants();
  scheduler_.sweep(now_);
  EXPECT_EQ(scheduler_.holder_of(a), kNone);
}

}  // namespace
}  // namespace hearth::sched
