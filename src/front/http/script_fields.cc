#include "front/http/script_fields.h"

#include "base/task_limits.h"
#include "model/language.h"

namespace hearth::front {

namespace json = boost::json;

Result<std::string> read_language(const json::value& value, const FieldPath& path) {
  HEARTH_ASSIGN(const std::string name,
                read_text(value, path, {limits::kLanguageBytesMax, "language_bytes_max"}));
  if (!is_valid_language(name)) {
    return invalid_field(path, path +
                                   " must be the name of a language, of a-z 0-9 + # _ . -, such as "
                                   "js, python or sh");
  }
  return canonical_language(name);
}

Result<std::string> read_code(const json::value& value, const FieldPath& path) {
  if (value.is_string() && value.get_string().empty()) {
    return invalid_field(path, path + " must not be empty: it is the text of the program to run");
  }
  return read_text(value, path,
                   {limits::kScriptCodeBytesMax, "script_code_bytes_max", /*may_be_empty=*/false,
                    /*may_hold_nul=*/true});
}

Result<std::vector<std::string>> read_arguments(const json::value& value, const FieldPath& path) {
  HEARTH_ASSIGN(const json::array* array, read_array(value, path));
  std::vector<std::string> arguments;
  std::int64_t bytes = 0;
  for (const json::value& element : *array) {
    HEARTH_ASSIGN(
        std::string argument,
        read_text(element, path + "[" + std::to_string(arguments.size()) + "]",
                  {limits::kCommandBytesMax, "command_bytes_max", /*may_be_empty=*/true}));
    bytes += static_cast<std::int64_t>(argument.size()) + 1;
    if (bytes > limits::kCommandBytesMax) {
      return field_too_large(path, "command_bytes_max", limits::kCommandBytesMax, "bytes");
    }
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

}  // namespace hearth::front
