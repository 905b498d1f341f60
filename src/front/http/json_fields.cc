#include "front/http/json_fields.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/limits.h"

namespace hearth::front {

namespace json = boost::json;

namespace {

constexpr double kExactIntegerMax = 9007199254740992.0;  // 2^53

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array";
    case json::kind::object:
      return "an object";
    default:
      return "a number";
  }
}

std::string shown(double number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) {
    text.pop_back();
  }
  return text;
}

std::optional<std::int64_t> as_integer(const json::value& value) {
  if (const auto* number = value.if_int64()) {
    return *number;
  }
  if (const auto* number = value.if_double(); number != nullptr &&
                                              std::abs(*number) <= kExactIntegerMax &&
                                              *number == std::trunc(*number)) {
    return static_cast<std::int64_t>(*number);
  }
  return std::nullopt;
}

bool holds_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Error wrong_type(const FieldPath& path, std::string_view expected, const json::value& found) {
  return invalid_field(
      path, path + " must be " + std::string(expected) + ", not " + std::string(kind_name(found)));
}

Error unknown_field(const FieldPath& path) {
  Error error = invalid_field(path, "there is no field " + path.substr(0, 100) +
                                        "; check its spelling (/openapi.json lists all fields)");
  error.kind = "unknown_field";
  return error;
}

Error field_too_large(const FieldPath& path, std::string_view limit, std::int64_t limit_value,
                      std::string_view what) {
  Error error =
      limit_exceeded(std::string(limit), limit_value,
                     path + ": more than " + std::to_string(limit_value) + " " + std::string(what));
  error.field = path;
  return error;
}

Result<bool> read_boolean(const json::value& value, const FieldPath& path) {
  if (const bool* flag = value.if_bool()) {
    return *flag;
  }
  return wrong_type(path, "true or false", value);
}

Result<std::int64_t> read_integer(const json::value& value, const FieldPath& path, std::int64_t min,
                                  std::int64_t max) {
  const std::string range = "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  if (!value.is_number()) {
    return wrong_type(path, range, value);
  }
  const auto number = as_integer(value);
  if (!number || *number < min || *number > max) {
    return invalid_field(path, path + " must be " + range);
  }
  return *number;
}

Result<double> read_number(const json::value& value, const FieldPath& path, double min,
                           double max) {
  const std::string range = "a number from " + shown(min) + " to " + shown(max);
  if (!value.is_number()) {
    return wrong_type(path, range, value);
  }
  const double number = value.to_number<double>();
  if (!std::isfinite(number) || number < min || number > max) {
    return invalid_field(path, path + " must be " + range);
  }
  return number;
}

Result<Duration> read_milliseconds(const json::value& value, const FieldPath& path, Duration min,
                                   Duration max) {
  HEARTH_ASSIGN(const std::int64_t ms, read_integer(value, path, min.count(), max.count()));
  return Duration(ms);
}

Result<std::string> read_text(const json::value& value, const FieldPath& path,
                              const TextRule& rule) {
  const json::string* text = value.if_string();
  if (text == nullptr) {
    return wrong_type(path, "a string", value);
  }
  if (text->empty() && !rule.may_be_empty) {
    return invalid_field(path, path + " must not be empty; leave it out instead");
  }
  if (static_cast<std::int64_t>(text->size()) > rule.bytes_max) {
    return field_too_large(path, rule.limit, rule.bytes_max, "bytes");
  }
  if (!rule.may_hold_nul && text->find('\0') != json::string::npos) {
    return invalid_field(path, path + " holds a NUL character, which no program can be given");
  }
  return std::string(text->data(), text->size());
}

Result<const json::object*> read_object(const json::value& value, const FieldPath& path) {
  if (const json::object* object = value.if_object()) {
    return object;
  }
  return wrong_type(path, "an object", value);
}

Result<const json::array*> read_array(const json::value& value, const FieldPath& path) {
  if (const json::array* array = value.if_array()) {
    return array;
  }
  return wrong_type(path, "an array", value);
}

Result<std::map<std::string, std::string>> read_labels(const json::value& value,
                                                       const FieldPath& path) {
  HEARTH_ASSIGN(const json::object* object, read_object(value, path));
  if (static_cast<std::int64_t>(object->size()) > limits::kLabelsMax) {
    return field_too_large(path, "labels_max", limits::kLabelsMax, "labels");
  }
  std::map<std::string, std::string> labels;
  for (const auto& member : *object) {
    const std::string name(member.key());
    const FieldPath where = path + "." + name.substr(0, 100);
    if (name.empty() || holds_control(name)) {
      return invalid_field(
          where, "a name in " + path + " must not be empty and must hold no control characters");
    }
    if (static_cast<std::int64_t>(name.size()) > limits::kLabelBytesMax) {
      return field_too_large(where, "label_bytes_max", limits::kLabelBytesMax, "bytes");
    }
    HEARTH_ASSIGN(labels[name],
                  read_text(member.value(), where,
                            {limits::kLabelBytesMax, "label_bytes_max", /*may_be_empty=*/true}));
  }
  return labels;
}

Result<std::map<std::string, std::string>> read_environment(const json::value& value,
                                                            const FieldPath& path,
                                                            std::int64_t& bytes) {
  HEARTH_ASSIGN(const json::object* object, read_object(value, path));
  std::map<std::string, std::string> environment;
  for (const auto& member : *object) {
    const std::string name(member.key());
    const FieldPath where = path + "." + name.substr(0, 100);
    if (name.empty() || name.find('=') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      return invalid_field(
          where, "a name in " + path + " must not be empty and must hold no '=' and no NUL");
    }
    HEARTH_ASSIGN(std::string text, read_text(member.value(), where,
                                              {limits::kEnvironmentBytesMax,
                                               "environment_bytes_max", /*may_be_empty=*/true}));
    bytes += static_cast<std::int64_t>(name.size() + text.size() + 2);
    if (bytes > limits::kEnvironmentBytesMax) {
      return field_too_large(path, "environment_bytes_max", limits::kEnvironmentBytesMax, "bytes");
    }
    environment.emplace(name, std::move(text));
  }
  return environment;
}

Result<std::size_t> read_word(const json::value& value, const FieldPath& path,
                              const std::vector<std::string_view>& words) {
  std::string choice;
  for (const std::string_view word : words) {
    choice += (choice.empty() ? "'" : ", '") + std::string(word) + "'";
  }
  const json::string* text = value.if_string();
  if (text == nullptr) {
    return wrong_type(path, "one of " + choice, value);
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == std::string_view(text->data(), text->size())) {
      return i;
    }
  }
  return invalid_field(path, path + " must be one of " + choice);
}

}  // namespace hearth::front
