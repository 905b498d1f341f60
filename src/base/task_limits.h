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

}  // namespace hearth::limits
