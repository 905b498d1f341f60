// What toml++ 3.3 may be shown. It asks of each character outside of strings whether that is white
// space, and for those from U+00A1 to U+FEFE its answer is undefined behaviour. So it is shown
// private characters in their place, of which it knows that they are none.
#pragma once

#include <string>
#include <string_view>

namespace hearth::config {

// Each character from U+0080 to U+FFFF but a byte order mark at the start is moved to plane 15,
// U+F0000 and above. What is no UTF-8 stays as it is.
std::string lift_characters(std::string_view text);

// Back again.
std::string lower_characters(std::string_view text);

// Whether `text` has characters of plane 15 itself, written out or as "\U000F…".
bool has_plane_15(std::string_view text);

}  // namespace hearth::config
