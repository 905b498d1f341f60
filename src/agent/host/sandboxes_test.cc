#include "agent/host/sandboxes.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace hearth::agent {
namespace {

using limits::kMiB;

std::int64_t slots_of(std::int64_t wished, std::int64_t memory_bytes) {
  WarmPolicy warm{.slots_max = wished};
  fit_warm_slots(warm, memory_bytes);
  return warm.slots_max;
}

TEST(SandboxesTest, WaitingInterpretersGetAnEighthOfTheMemoryAtMost) {
  EXPECT_EQ(slots_of(8, 24'000 * kMiB), 8);
  EXPECT_EQ(slots_of(8, 4'096 * kMiB), 8);
  EXPECT_EQ(slots_of(8, 4'095 * kMiB), 7);
  EXPECT_EQ(slots_of(8, 720 * kMiB), 1) << "a machine of a gibibyte";
  EXPECT_EQ(slots_of(8, 511 * kMiB), 0);
  EXPECT_EQ(slots_of(0, 24'000 * kMiB), 0);
}

}  // namespace
}  // namespace hearth::agent
