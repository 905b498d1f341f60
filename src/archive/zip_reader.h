// A ZIP into a sink, once its directory and its layout are known to be sound.
#pragma once

#include "archive/archive.h"
#include "archive/byte_source.h"
#include "archive/entry_sink.h"

namespace hearth::archive {

Result<ArchiveSummary> read_zip(const ByteSource& source, const ArchiveLimits& limits,
                                EntrySink& sink);

}  // namespace hearth::archive
