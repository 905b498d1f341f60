// All that `hearth top` knows as one JSON object, for programs. Pure.
#pragma once

#include <string>

#include "cli/top_model.h"
#include "cli/top_view.h"

namespace hearth::cli {

std::string top_json(const TopModel& model, const TopStatus& status);

}  // namespace hearth::cli
