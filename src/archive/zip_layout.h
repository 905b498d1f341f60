// Where the entries of a ZIP are, by their local headers, held against its directory.
#pragma once

#include "archive/zip_directory.h"

namespace hearth::archive::zip {

// From the first byte to the directory there is one entry after the other and nothing else, each
// with a local header that says what the directory says. Sets data_offset of each.
Result<> check_layout(const ByteSource& source, Directory& directory);

}  // namespace hearth::archive::zip
