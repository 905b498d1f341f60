// A tar into a sink, entry by entry: it has no directory to be checked first.
#pragma once

#include "archive/archive.h"
#include "archive/decompress.h"
#include "archive/entry_sink.h"

namespace hearth::archive {

// `bytes` are those of the tar itself, unpacked. The summary's format is the caller's to set.
Result<ArchiveSummary> read_tar(ByteStream& bytes, const ArchiveLimits& limits, EntrySink& sink);

}  // namespace hearth::archive
