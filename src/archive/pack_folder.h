// A folder as an archive that check_archive() takes: a tar packed with zstd.
//
// The same files give the same bytes, whoever packs them and when: sorted, without owners and
// times. All but what is called ".git" goes in. What check_archive() would refuse is refused here,
// and named as it is called below the folder; no link is followed.
#pragma once

#include <string>

#include "archive/archive.h"
#include "base/result.h"

namespace hearth::archive {

// Writes to `out_fd`, an empty regular file that may be read too. InvalidArgument and
// ResourceExhausted name the path; others are the machine's.
Result<ArchiveSummary> pack_folder(const std::string& folder, int out_fd,
                                   const ArchiveLimits& limits = {});

}  // namespace hearth::archive
