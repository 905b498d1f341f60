// The end of a ZIP, where reading it begins: where its directory is, and that nothing else is
// there.
#pragma once

#include <cstdint>

#include "archive/byte_source.h"

namespace hearth::archive::zip {

struct End {
  std::uint64_t entries = 0;
  std::uint64_t directory_offset = 0;
  std::uint64_t directory_bytes = 0;
};

// The directory ends where the end records begin, and they end with the file: what could be taken
// for another end, or stands behind this one, refuses the archive.
Result<End> find_end(const ByteSource& source, std::int64_t size);

}  // namespace hearth::archive::zip
