#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sched/fleet.h"
#include "sched/indexed_heap.h"
#include "sched/job_queue.h"

namespace hearth::sched {
namespace {

std::uint64_t draw(std::uint64_t& state) {
  state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
  return state >> 33;
}

TEST(IndexedHeapTest, BehavesAsASortedMapUnderRandomChanges) {
  std::uint64_t state = 11;
  IndexedHeap<std::uint64_t> heap;
  std::map<std::uint32_t, std::uint64_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto item = static_cast<std::uint32_t>(draw(state) % 100);
    if (draw(state) % 3 == 0) {
      heap.erase(item);
      model.erase(item);
    } else {
      const std::uint64_t key = draw(state) % 1'000;
      heap.set(item, key);
      model[item] = key;
    }
    ASSERT_EQ(heap.size(), model.size());
    ASSERT_EQ(heap.contains(item), model.contains(item));
    if (!model.empty()) {
      std::uint64_t least = ~std::uint64_t{0};
      for (const auto& [each, key] : model) {
        least = std::min(least, key);
      }
      ASSERT_EQ(heap.top().key, least);
      ASSERT_EQ(model.at(heap.top().item), least);
    }
  }
}

TEST(JobQueueTest, KeepsOrderOfTimeAndIdWhateverTheOrderOfInsertion) {
  std::uint64_t state = 5;
  JobQueue queue;
  JobList list;
  std::map<std::pair<TimePoint, JobId>, QueueNode> model;
  for (int step = 0; step < 5'000; ++step) {
    if (model.empty() || draw(state) % 5 < 3) {
      const QueuedJob job{time_from_ms(static_cast<std::int64_t>(draw(state) % 50)),
                          JobId(draw(state)), 0, 0};
      if (!model.contains({job.queued_at, job.id})) {
        model[{job.queued_at, job.id}] = queue.insert(list, job);
      }
    } else {
      auto at = model.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(draw(state) % model.size()));
      queue.remove(list, at->second);
      model.erase(at);
    }
    ASSERT_EQ(list.size, model.size());
    ASSERT_EQ(list.head == kNone, model.empty());
    if (!model.empty()) {
      ASSERT_EQ(list.head, model.begin()->second);
      ASSERT_EQ(list.tail, model.rbegin()->second);
    }
  }
  QueueNode node = list.head;
  for (const auto& [key, expected] : model) {
    ASSERT_EQ(node, expected);
    node = queue.next(node);
  }
  EXPECT_EQ(node, kNone);
}

TEST(FleetTest, SlotsAreReusedAndNamedResourcesCounted) {
  Fleet fleet;
  AgentInfo info;
  info.id = AgentId("a");
  info.capacity = {.cpu_milli = 1'000, .memory_bytes = 1, .gpus = 0, .named = {{"licence", 1}}};
  const AgentSlot slot = fleet.add(info);
  const ResourceVector one{.cpu_milli = 0, .memory_bytes = 0, .gpus = 0, .named = {{"licence", 1}}};
  EXPECT_TRUE(fleet.has_room(slot, one));
  fleet.reserve(slot, one);
  EXPECT_FALSE(fleet.has_room(slot, one));
  EXPECT_EQ(fleet.reserved(slot), one);
  fleet.release(slot, one);
  EXPECT_TRUE(fleet.reserved(slot).is_zero());
  fleet.remove(slot);
  EXPECT_EQ(fleet.size(), 0U);
  EXPECT_EQ(fleet.add(info), slot);
}

TEST(FleetTest, AnAgentThatNamesNoSandboxOffersNone) {
  AgentInfo info;
  EXPECT_TRUE(offers_sandbox(info, SandboxLevel::None));
  EXPECT_FALSE(offers_sandbox(info, SandboxLevel::Process));
  info.sandboxes = {SandboxLevel::Process};
  EXPECT_FALSE(offers_sandbox(info, SandboxLevel::None));
  EXPECT_TRUE(offers_sandbox(info, SandboxLevel::Process));
}

TEST(FleetTest, TheOperatorsLabelsWinOverTheBuiltInOnes) {
  AgentInfo info;
  info.id = AgentId("a");
  info.type = "builder";
  info.labels = {{"type", "mine"}, {"zone", "b"}};
  const Labels labels = matchable_labels(info);
  EXPECT_EQ(labels.at("type"), "mine");
  EXPECT_EQ(labels.at("id"), "a");
  EXPECT_TRUE(has_labels(labels, {{"zone", "b"}, {"enforcement", "none"}}));
  EXPECT_FALSE(has_labels(labels, {{"zone", "c"}}));
  EXPECT_FALSE(has_labels(labels, {{"missing", ""}}));
}

}  // namespace
}  // namespace hearth::sched
