// Bounds of scripts and of tasks, the front door that runs them.
#pragma once

#include <cstdint>

#include "base/limits.h"

namespace hearth::limits {

// Of one script. A request of its own is bounded by its body already; an item of a batch is not.
inline constexpr std::int64_t kScriptCodeBytesMax = 1 * kMiB;
inline constexpr std::int64_t kLanguageBytesMax = 32;
inline constexpr std::int64_t kImageNameBytesMax = 128;

// One task, beside what bounds every job.
inline constexpr std::int64_t kPromptBytesMax = 64 * kKiB;
inline constexpr Duration kTaskTimeoutDefault = std::chrono::seconds(30);
// Of each stream, in the answer that shows a task; all of it is at /v1/jobs/ID/output.
inline constexpr std::int64_t kTaskOutputBytesMax = 256 * kKiB;
inline constexpr std::int64_t kTaskBatchItemsMax = 1'000;
// Tasks that requests wait for at once, and how long one may wait.
inline constexpr std::int64_t kTaskWaitsMax = 10'000;
inline constexpr std::int64_t kTaskWaitSecondsMax = 60;
// Of one list: jobs that are looked at, tasks or not, and bytes that are answered.
inline constexpr std::int64_t kTaskListScanMax = 10'000;
inline constexpr std::int64_t kTaskListBytesMax = 4 * kMiB;

// Callbacks. One is tried so often, each time for so long at most, with pauses that double from the
// first to the longest, less up to half of it by chance; then it is given up. All tries of one take
// about 20 minutes.
inline constexpr std::int64_t kCallbackUrlBytesMax = 2 * kKiB;
inline constexpr std::int64_t kCallbackTriesMax = 12;
inline constexpr Duration kCallbackTryTimeMax = std::chrono::seconds(10);
inline constexpr Duration kCallbackPauseFirst = std::chrono::seconds(1);
inline constexpr Duration kCallbackPauseMax = std::chrono::minutes(5);
// At once, in all and to one host, so that one that is slow holds up no other.
inline constexpr std::int64_t kCallbacksAtOnceMax = 64;
inline constexpr std::int64_t kCallbacksAtOnceOfHostMax = 8;
// Held in memory with those that pause; more wait in the store.
inline constexpr std::int64_t kCallbacksHeldMax = 10'000;
inline constexpr std::int64_t kCallbacksHeldOfHostMax = 2'000;
// What is read of an answer: its head.
inline constexpr std::int64_t kCallbackAnswerBytesMax = 16 * kKiB;
// How often the store is asked for those that were not held, at the least.
inline constexpr Duration kCallbackLookInterval = std::chrono::seconds(1);
inline constexpr std::int64_t kCallbackLookJobsMax = 100;

}  // namespace hearth::limits
