// Bounds of scripts and of tasks, the front door that runs them.
#pragma once

#include <cstdint>

#include "base/limits.h"

namespace hearth::limits {

// Of one script. A request of its own is bounded by its body already; an item of a batch is not.
inline constexpr std::int64_t kScriptCodeBytesMax = 1 * kMiB;
inline constexpr std::int64_t kLanguageBytesMax = 32;
inline constexpr std::int64_t kImageNameBytesMax = 128;

}  // namespace hearth::limits
