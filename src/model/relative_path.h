// Paths that lead nowhere but below the directory that they are used in.
#pragma once

#include <string_view>

namespace hearth {

// Of names with one '/' between two: none in front or behind, no "." and no "..", and no control
// character, so that it is also what it looks like.
bool is_path_below(std::string_view path);

}  // namespace hearth
