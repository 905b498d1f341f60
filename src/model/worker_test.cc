#include "model/worker.h"

#include <gtest/gtest.h>

#include <set>

namespace hearth {
namespace {

TEST(WorkerStateTest, EveryStateHasOneUpperCaseNameAndParsesBack) {
  std::set<std::string_view> names;
  for (int i = 0; i < kWorkerStateCount; ++i) {
    const auto state = static_cast<WorkerState>(i);
    EXPECT_TRUE(names.insert(to_string(state)).second);
    EXPECT_EQ(parse_worker_state(to_string(state)), state);
  }
  EXPECT_EQ(to_string(WorkerState::Ready), "READY");
  EXPECT_EQ(parse_worker_state("ready"), std::nullopt);
  EXPECT_EQ(to_string(static_cast<WorkerState>(kWorkerStateCount)), "unknown");
}

}  // namespace
}  // namespace hearth
