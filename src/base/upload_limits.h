// The bounds of what jobs bring and leave, as limits.h has all others. Apart from it, because
// nearly every file includes that one and few ask about files of jobs.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

// One archive as it is sent.
inline constexpr std::int64_t kUploadBytesMax = 256 * kMiB;
// All at the controller. When either is reached, those that no live job names go, the one that was
// needed longest ago first, but none within kUploadKeptMin of its use: its submitter may be about
// to name it.
inline constexpr std::int64_t kUploadsKeptMax = 10'000;
inline constexpr std::int64_t kUploadsBytesMax = 10 * kGiB;
inline constexpr Duration kUploadKeptFor = std::chrono::hours(24);
inline constexpr Duration kUploadKeptMin = std::chrono::minutes(10);
// Whole archives that wait to be looked through, and how many are at once.
inline constexpr std::int64_t kUploadChecksWaitingMax = 64;
inline constexpr int kUploadChecksAtOnceMax = 2;

// On their way to agents: so many at once at the controller, and at one agent. Those beyond wait.
inline constexpr std::int64_t kUploadFetchesMax = 64;
inline constexpr std::int64_t kUploadFetchesPerAgentMax = 4;
inline constexpr std::int64_t kUploadPieceBytesMax = 256 * kKiB;
// A fetch that brings nothing for so long begins again; one that has not come after so long,
// however often it began, ends the attempts that wait for it.
inline constexpr Duration kUploadFetchStall = std::chrono::seconds(30);
inline constexpr Duration kUploadFetchPatience = std::chrono::minutes(10);
// What an agent keeps for the next job that needs it.
inline constexpr std::int64_t kUploadCacheBytesMax = 1 * kGiB;
inline constexpr std::int64_t kUploadCacheCountMax = 256;
static_assert(kUploadCacheBytesMax >= kUploadBytesMax);

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
