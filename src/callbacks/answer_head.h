// The head of an HTTP/1 answer, of which only the status counts. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"

namespace hearth::callbacks {

// nullopt: more has to come. Interim answers (1xx) are passed over.
std::optional<Result<int>> read_status(std::string_view bytes);

}  // namespace hearth::callbacks
