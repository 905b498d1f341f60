// The bounds of what is remembered for readers, as limits.h has all others. Apart from it, because
// nearly every file includes that one and few ask about readers.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

// What tells readers that a job has changed: a power of two, 8 bytes each.
inline constexpr std::int64_t kJobVersionCounters = 4'096;
// Answers about single jobs that are given again while their job does not change.
inline constexpr std::int64_t kJobAnswersKept = 1'024;
inline constexpr std::int64_t kJobAnswerBytesMax = 8 * kKiB;

}  // namespace hearth::limits
