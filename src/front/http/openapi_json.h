// The contract, openapi/hearth.yaml, as JSON; put into the program by openapi/embed.py.
#pragma once

#include <string_view>

namespace hearth::front {

std::string_view openapi_json();

}  // namespace hearth::front
