// The fields of a script, as every front door that takes one reads them.
#pragma once

#include <string>
#include <vector>

#include "front/http/json_fields.h"

namespace hearth::front {

// The canonical name. Which languages there are is the agents' affair.
Result<std::string> read_language(const boost::json::value& value, const FieldPath& path);
// Not empty; NUL is a character of code like others.
Result<std::string> read_code(const boost::json::value& value, const FieldPath& path);
// Together at most kCommandBytesMax, as the command that they become a part of.
Result<std::vector<std::string>> read_arguments(const boost::json::value& value,
                                                const FieldPath& path);

}  // namespace hearth::front
