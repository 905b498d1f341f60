// How a refusal is said: `the archive is refused: entry "../x": ".." would lead out of the folder`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace hearth::archive {

// `why` ends a sentence that in_entry() and in_archive() begin.
Error refused(std::string why);
Error over_limit(std::string_view limit, std::int64_t value, std::string why);

// Says in front which entry, or that it is the archive; errors of the machine stay as they are.
Error in_entry(std::string_view entry, Error error);
Error in_archive(Error error);

// A name of the archive as text that any terminal and page may show: in quotes, cut to
// kArchiveShownNameBytesMax, with \xNN for what is not printable, that reorders text or is no
// UTF-8.
std::string shown(std::string_view name);

}  // namespace hearth::archive
