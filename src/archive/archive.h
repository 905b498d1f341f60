// Archives from strangers: a ZIP or a tar is taken whole or refused whole, with the entry and the
// reason.
//
// Called by the controller, which checks what is uploaded, and in the sandbox, where a child of
// hearth-launcher unpacks it as the task's user: neither needs threads, a locale or an environment.
// The largest take seconds of CPU: call from a thread that may be busy so long.
// Both functions make the same checks of the same bytes, so what check_archive() takes is unpacked
// by extract_archive() unless the disk or the folder is in the way.
//
// Taken: ZIP (stored and deflated, ZIP64) and tar (ustar, pax, GNU's long names), plain, or packed
// with gzip or zstd (several members or frames in a row are one stream, as their tools read them).
// An entry is a regular file or a directory; links, devices and set-id bits refuse the archive.
// Times, owners and further attributes are not kept.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/archive_limits.h"
#include "base/result.h"

namespace hearth::archive {

// The `kind` of every error that is the archive's fault. Its code is InvalidArgument, or
// ResourceExhausted with the limit's name and value. Everything else (reading, writing) has none.
inline constexpr std::string_view kArchiveRefused = "archive_refused";

enum class ArchiveFormat : std::uint8_t { Zip, Tar, TarGzip, TarZstd };

// "zip", "tar", "tar.gz", "tar.zst".
std::string_view to_string(ArchiveFormat format);

struct ArchiveLimits {
  std::int64_t entries_max = limits::kArchiveEntriesMax;
  std::int64_t bytes_max = limits::kArchiveBytesMax;
  std::int64_t file_bytes_max = limits::kArchiveFileBytesMax;
  std::int64_t ratio_max = limits::kArchiveRatioMax;
  std::int64_t ratio_free_bytes = limits::kArchiveRatioFreeBytes;
  std::int64_t depth_max = limits::kArchiveDepthMax;
  std::int64_t name_bytes_max = limits::kArchiveNameBytesMax;
  std::int64_t path_bytes_max = limits::kArchivePathBytesMax;
};

// `directories` counts those that only the files' paths name too.
struct ArchiveSummary {
  ArchiveFormat format = ArchiveFormat::Zip;
  std::int64_t files = 0;
  std::int64_t directories = 0;
  std::int64_t bytes = 0;

  bool operator==(const ArchiveSummary&) const = default;
};

// Unpacks everything and keeps nothing. Reads `fd` by offset, in pieces; its position is neither
// used nor moved. ZIP needs a regular file, tar whatever pread(2) reads.
Result<ArchiveSummary> check_archive(int fd, const ArchiveLimits& limits = {});

// The same, and writes it below the directory `dir_fd`: files 0644 or, when anybody may execute
// them, 0755, directories 0755, whatever the umask. Goes through no symbolic link and overwrites
// nothing; directories that are there are used. Stops at the first error and leaves what it wrote:
// the caller throws the directory away.
Result<ArchiveSummary> extract_archive(int fd, int dir_fd, const ArchiveLimits& limits = {});

}  // namespace hearth::archive
