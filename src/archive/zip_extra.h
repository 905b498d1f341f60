// The extra fields of a ZIP header. Two matter: what is too large for the header, and a second
// name.
#pragma once

#include <cstdint>
#include <string_view>

#include "archive/zip_format.h"
#include "base/result.h"

namespace hearth::archive::zip {

// Takes from `extra` what `fields` say is there (kElsewhere32 in its sizes, and in its offset). The
// ZIP64 field must have exactly that. A second name must be `name` itself; other fields are passed
// over, but have to fill `extra` exactly.
Result<> apply_extra(std::string_view extra, std::string_view name, Fields& fields);

}  // namespace hearth::archive::zip
