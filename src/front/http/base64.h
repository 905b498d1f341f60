#pragma once

#include <string>
#include <string_view>

namespace hearth::front {

// With padding, as RFC 4648 §4 has it.
std::string to_base64(std::string_view bytes);

}  // namespace hearth::front
