// An archive of whatever format into a sink.
#pragma once

#include "archive/archive.h"
#include "archive/entry_sink.h"

namespace hearth::archive {

// Errors say that the archive is refused; the sink has seen what came before.
Result<ArchiveSummary> walk(int fd, const ArchiveLimits& limits, EntrySink& sink);

}  // namespace hearth::archive
