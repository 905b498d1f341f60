// UploadStore in a folder: ID, the archive as it came, and ID.info, what was found in it.
//
// What comes in is at incoming/ until it was checked; a rename is what makes it an upload, and what
// an earlier process left there by half goes at the start. When an upload was last needed is the
// archive's time of change, noted by sweep().
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "uploads/upload_store.h"

namespace hearth::uploads {

struct DiskUploadOptions {
  UploadLimits limits;
  int threads = limits::kUploadChecksAtOnceMax;
};

// Makes the folder. `check` is called on the store's threads; clock and log outlive the store.
Result<std::unique_ptr<UploadStore>> open_disk_upload_store(std::string folder, CheckArchive check,
                                                            Clock& clock, Log& log,
                                                            DiskUploadOptions options = {});

}  // namespace hearth::uploads
