// What the path of an entry may be, whatever the format. One that is not plain is refused, never
// mended: what is mended is read otherwise by the next program.
#pragma once

#include <cstdint>
#include <string_view>

#include "archive/archive.h"

namespace hearth::archive {

// Names between single slashes, none at either end: relative, without "." and "..", within the
// limits of depth and length, in valid and printable UTF-8, and what Windows would take for a path
// elsewhere (backslashes, a drive) is none.
Result<> check_path(std::string_view path, const ArchiveLimits& limits);

// The set-id and sticky bits are refused; the type bits are not looked at.
Result<> check_mode(std::uint32_t mode);

bool is_executable(std::uint32_t mode);

}  // namespace hearth::archive
