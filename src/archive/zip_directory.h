// The central directory of a ZIP: everything that can be known of its entries before any is
// unpacked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archive/archive.h"
#include "archive/byte_source.h"
#include "archive/entry_set.h"
#include "archive/zip_format.h"

namespace hearth::archive::zip {

struct ZipEntry {
  std::string name;  // with the slash of a directory
  Fields fields;
  Entry entry;
  std::uint64_t data_offset = 0;  // set by check_layout()
};

struct Directory {
  std::vector<ZipEntry> entries;
  std::uint64_t offset = 0;  // where the last entry's data ends
};

// Reads it and admits each entry to `entries`, with the ratio that it says.
Result<Directory> read_directory(const ByteSource& source, std::int64_t size,
                                 const ArchiveLimits& limits, EntrySet& entries);

}  // namespace hearth::archive::zip
