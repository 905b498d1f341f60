#include "archive/archive.h"
#include "archive/folder_sink.h"
#include "archive/walk.h"

namespace hearth::archive {

Result<ArchiveSummary> extract_archive(int fd, int dir_fd, const ArchiveLimits& limits) {
  FolderSink sink(dir_fd);
  return walk(fd, limits, sink);
}

}  // namespace hearth::archive
