#include "model/telemetry.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(TelemetryTest, AFreshSampleKnowsNothing) {
  const WorkerSample worker;
  EXPECT_EQ(worker.cpu_percent, std::nullopt);
  EXPECT_EQ(worker.memory_bytes, std::nullopt);
  EXPECT_EQ(worker.oom_kills, std::nullopt);
  EXPECT_TRUE(worker.gpus.empty());
  EXPECT_EQ(MachineSample{}.memory_total_bytes, std::nullopt);
}

TEST(TelemetryTest, UnknownIsNotZero) {
  WorkerSample idle;
  idle.cpu_percent = 0;
  EXPECT_NE(idle, WorkerSample{});
  WorkerSample calm;
  calm.pressure.io = 0;
  EXPECT_NE(calm, WorkerSample{});
}

TEST(TelemetryTest, EqualityReachesTheGpus) {
  MachineSample machine;
  machine.gpus = {{.index = 0, .name = "A"}, {.index = 1, .name = "B"}};
  MachineSample other = machine;
  EXPECT_EQ(machine, other);
  other.gpus[1].stale_since = time_from_ms(1);
  EXPECT_NE(machine, other);
}

}  // namespace
}  // namespace hearth
