// The bounds of interpreters that are started ahead, as limits.h has all others. Apart from it,
// because nearly every file includes that one.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

// Slots of all languages together. What they may use in all is this times the memory of one, which
// an idle interpreter needs about a third of.
inline constexpr std::int64_t kWarmSlotsDefault = 8;
inline constexpr std::int64_t kWarmSlotsMax = 256;
inline constexpr std::int64_t kWarmSlotMemoryBytes = 128 * kMiB;
// Of it is kept out of what an agent offers: what a waiting one uses, rounded up.
inline constexpr std::int64_t kWarmSlotReserveBytes = 64 * kMiB;
// All together keep back at most this part of the memory, on a small machine in fewer slots.
inline constexpr std::int64_t kWarmMemoryPart = 8;
// Started at once: more would slow the scripts that run.
inline constexpr std::int64_t kWarmStartsMax = 1;
// From a script that found a slot to the start of the next: most short scripts have answered by
// then.
inline constexpr Duration kWarmRefillAfter = std::chrono::milliseconds(25);
inline constexpr Duration kWarmAgeMax = std::chrono::minutes(10);
inline constexpr Duration kWarmIdleAfter = std::chrono::minutes(10);
inline constexpr Duration kWarmShrinkAfter = std::chrono::minutes(1);
inline constexpr Duration kWarmRetryFirst = std::chrono::milliseconds(200);
inline constexpr Duration kWarmRetryMax = std::chrono::minutes(1);
// From the start of an interpreter to its first sign.
inline constexpr Duration kWarmStartDeadline = std::chrono::seconds(20);

}  // namespace hearth::limits
