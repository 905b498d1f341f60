// The bounds of archives that are uploaded, as limits.h has all others. Apart from it, because
// nearly every file includes that one and few ask about archives.
#pragma once

#include "base/limits.h"

namespace hearth::limits {

// Files and directories, those that a path only implies included: each is an inode where it is
// unpacked. Most projects have hundreds; with their installed modules, thousands.
inline constexpr std::int64_t kArchiveEntriesMax = 10'000;
// What the files hold together. An upload has 256 MiB at most, and sources shrink to a half or
// less; a multiple of this would be the memory of a whole machine, since it is unpacked into
// memory.
inline constexpr std::int64_t kArchiveBytesMax = 512 * kMiB;
inline constexpr std::int64_t kArchiveFileBytesMax = 256 * kMiB;
// Unpacked bytes for each packed one. Text gives 3 to 20, logs up to 100; DEFLATE cannot pass 1,032
// and zstd has no bound. Up to kArchiveRatioFreeBytes nothing is a bomb, and empty tables and
// zeroed images of honest projects do pass the ratio.
inline constexpr std::int64_t kArchiveRatioMax = 200;
inline constexpr std::int64_t kArchiveRatioFreeBytes = 16 * kMiB;
// Names in a path: generated sources and nested modules reach 15 to 20.
inline constexpr std::int64_t kArchiveDepthMax = 32;
// What Linux takes as one name, and a quarter of what it takes as a path: room for where it is
// unpacked and for what the program appends.
inline constexpr std::int64_t kArchiveNameBytesMax = 255;
inline constexpr std::int64_t kArchivePathBytesMax = 1'024;
// One record of tar that describes an entry (pax, a long name of GNU). They have some hundred
// bytes.
inline constexpr std::int64_t kArchiveTarRecordBytesMax = 64 * kKiB;
// Zeros after the end of a tar: `tar -b` fills up to 1 MiB at most when it is used as on tapes.
inline constexpr std::int64_t kArchiveTarPaddingBytesMax = 1 * kMiB;
// The memory that unpacking zstd may take; `zstd -19` needs no more, `--ultra` and `--long` may.
inline constexpr std::int64_t kArchiveZstdWindowBytesMax = 8 * kMiB;
// Of an entry's name, when an error shows it.
inline constexpr std::int64_t kArchiveShownNameBytesMax = 128;

}  // namespace hearth::limits
