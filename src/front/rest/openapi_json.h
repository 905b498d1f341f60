// The contract, openapi/hearth.yaml, as JSON; put into the program by openapi/embed.py.
#pragma once

#include <string_view>

namespace hearth::rest {

std::string_view openapi_json();

}  // namespace hearth::rest
