#include "registry/worker_query.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace hearth::registry {
namespace {

WorkerView ready_worker() {
  WorkerView view{.agent = AgentId("a"), .report = {}, .started_at = std::nullopt};
  view.report.info = {.id = WorkerId("w"),
                      .runtime = "inference",
                      .key = "k",
                      .state = WorkerState::Ready,
                      .jobs = {}};
  view.report.sample.model = "tiny.gguf";
  return view;
}

AgentView agent_of(std::int64_t memory_mb, std::int64_t reserved_mb) {
  AgentView agent;
  agent.record.info.id = AgentId("a");
  agent.record.info.type = "gpu-box";
  agent.record.info.labels = {{"zone", "north"}};
  agent.record.info.capacity = {.cpu_milli = 4'000, .memory_bytes = memory_mb * limits::kMiB};
  agent.reserved = {.cpu_milli = 1'000, .memory_bytes = reserved_mb * limits::kMiB};
  return agent;
}

TEST(WorkerQueryTest, NothingAskedMatchesEverything) {
  EXPECT_TRUE(matches({}, ready_worker(), nullptr, nullptr));
}

TEST(WorkerQueryTest, IdleMeansReadyAndWithoutAJob) {
  WorkerView worker = ready_worker();
  EXPECT_TRUE(matches({.idle = true}, worker, nullptr, nullptr));
  worker.report.info.jobs = {JobId(1)};
  EXPECT_FALSE(matches({.idle = true}, worker, nullptr, nullptr));
  worker.report.info.jobs.clear();
  worker.report.info.state = WorkerState::Busy;
  EXPECT_FALSE(matches({.idle = true}, worker, nullptr, nullptr));
}

// A GPU that rests says nothing about idleness, nor does one that cannot be read.
TEST(WorkerQueryTest, AnIdleGpuDoesNotMakeAnIdleWorker) {
  WorkerView worker = ready_worker();
  worker.report.info.state = WorkerState::Busy;
  worker.report.sample.gpus = {{.index = 0, .util_percent = 0.0, .memory_bytes = 0}};
  EXPECT_FALSE(matches({.idle = true}, worker, nullptr, nullptr));
}

TEST(WorkerQueryTest, ModelKeyAndAgentMatchExactly) {
  const WorkerView worker = ready_worker();
  EXPECT_TRUE(matches({.model = "tiny.gguf", .key = "k"}, worker, nullptr, nullptr));
  EXPECT_FALSE(matches({.model = "tiny"}, worker, nullptr, nullptr));
  EXPECT_FALSE(matches({.key = ""}, worker, nullptr, nullptr));
  EXPECT_TRUE(matches({.agent = AgentId("a")}, worker, nullptr, nullptr));
  EXPECT_FALSE(matches({.agent = AgentId("b")}, worker, nullptr, nullptr));
}

TEST(WorkerQueryTest, AgentsAreJudgedAsTheSchedulerDoes) {
  const AgentView agent = agent_of(1'000, 600);
  const WorkerView worker = ready_worker();
  EXPECT_TRUE(matches({.labels = {{"zone", "north"}, {"type", "gpu-box"}, {"id", "a"}}}, worker,
                      &agent, nullptr));
  EXPECT_FALSE(matches({.labels = {{"zone", "south"}}}, worker, &agent, nullptr));
  EXPECT_TRUE(matches({.free_memory_bytes_min = 400 * limits::kMiB}, worker, &agent, nullptr));
  EXPECT_FALSE(matches({.free_memory_bytes_min = 401 * limits::kMiB}, worker, &agent, nullptr));
  EXPECT_TRUE(matches({.free_cpu_milli_min = 3'000}, worker, &agent, nullptr));
  EXPECT_FALSE(matches({.free_cpu_milli_min = 3'001}, worker, &agent, nullptr));
  EXPECT_FALSE(matches({.labels = {{"zone", "north"}}}, worker, nullptr, nullptr));
}

TEST(WorkerQueryTest, FreeVramIsOfOneGpuAndMustBeKnown) {
  const WorkerView worker = ready_worker();
  MachineSample machine;
  const WorkerQuery query{.free_vram_bytes_min = 100};
  EXPECT_FALSE(matches(query, worker, nullptr, nullptr));
  machine.gpus = {{.index = 0, .memory_used_bytes = 50, .memory_total_bytes = 100},
                  {.index = 1, .memory_used_bytes = 50, .memory_total_bytes = 100},
                  {.index = 2, .memory_total_bytes = 1'000}};
  EXPECT_FALSE(matches(query, worker, nullptr, &machine));
  machine.gpus[1].memory_total_bytes = 150;
  EXPECT_TRUE(matches(query, worker, nullptr, &machine));
}

}  // namespace
}  // namespace hearth::registry
