// The bounds of what jobs bring and leave, as limits.h has all others. Apart from it, because
// nearly every file includes that one and few ask about files of jobs.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

// Result files. All of an attempt's in one tar: well below what is kept of a stream's head, so that
// it never has a gap of the stream's own bound.
inline constexpr std::int64_t kResultsBytesMax = 16 * kMiB;
static_assert(kResultsBytesMax < kOutputHeadBytes);
// Of it, for what is said of files that were asked for and are not in it.
inline constexpr std::int64_t kResultNotesBytesMax = 32 * kKiB;
inline constexpr std::int64_t kResultFilesMax = 1'000;
// Names in directories that are looked at for them.
inline constexpr std::int64_t kResultNamesMax = 10'000;
inline constexpr std::int64_t kResultDepthMax = 32;
// What a job may ask for, and the length of one path, there and in the tar.
inline constexpr std::int64_t kResultPathsMax = 64;
inline constexpr std::int64_t kResultPathBytesMax = 1'024;

}  // namespace hearth::limits
