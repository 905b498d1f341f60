#include "agent/host/sandboxes.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace hearth::agent {
namespace {

using limits::kMiB;

TEST(SandboxesTest, WaitingInterpretersGetAnEighthOfTheMemoryAtMost) {
  EXPECT_EQ(warm_slots_of({}, 24'000 * kMiB), 8);
  EXPECT_EQ(warm_slots_of({}, 4'096 * kMiB), 8);
  EXPECT_EQ(warm_slots_of({}, 4'095 * kMiB), 7);
  EXPECT_EQ(warm_slots_of({}, 720 * kMiB), 1) << "a machine of a gibibyte";
  EXPECT_EQ(warm_slots_of({}, 511 * kMiB), 0);
}

TEST(SandboxesTest, AsManyInterpretersWaitAsAreAskedFor) {
  EXPECT_EQ(warm_slots_of(2, 511 * kMiB), 2);
  EXPECT_EQ(warm_slots_of(0, 24'000 * kMiB), 0);
}

}  // namespace
}  // namespace hearth::agent
