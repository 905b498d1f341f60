// Names of the languages that scripts are written in.
//
// A language is whatever an agent offers under its name, so that an operator adds one without code:
// here are only the rule for names and the other names that people use for the common ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/job_spec.h"

namespace hearth {

inline constexpr std::string_view kDefaultLanguage = "js";

// [a-z0-9+#_.-]{1,32}
bool is_valid_language(std::string_view name);
// "javascript" -> "js"; a name that is not known is its own.
std::string canonical_language(std::string_view name);

// [A-Za-z0-9][A-Za-z0-9._:@-]*, at most kImageNameBytesMax: a name that agents give to a root file
// system, never a path.
bool is_valid_image_name(std::string_view name);

// What an agent must offer to run it: SchedulingSpec::features, sorted.
std::vector<std::string> features_of(const ExecutionSpec& run);

}  // namespace hearth
