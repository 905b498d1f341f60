#include "front/http/query.h"

#include <algorithm>
#include <charconv>

namespace hearth::front {

Error bad_parameter(std::string_view name, std::string_view message) {
  return invalid_field(std::string(name),
                       "the parameter " + std::string(name) + " " + std::string(message));
}

Result<> check_names(const net::QueryList& query, std::span<const std::string_view> known) {
  for (const auto& [name, value] : query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      Error error = bad_parameter(name.substr(0, 80), "is not known here");
      error.kind = "unknown_field";
      return error;
    }
  }
  return {};
}

Result<std::optional<std::string>> text_parameter(const net::QueryList& query,
                                                  std::string_view name) {
  std::optional<std::string> found;
  for (const auto& [key, value] : query) {
    if (key == name) {
      if (found) {
        return bad_parameter(name, "is there twice");
      }
      found = value;
    }
  }
  return found;
}

Result<std::optional<std::int64_t>> integer_parameter(const net::QueryList& query,
                                                      std::string_view name, std::int64_t min,
                                                      std::int64_t max) {
  HEARTH_ASSIGN(const auto text, text_parameter(query, name));
  if (!text) {
    return std::optional<std::int64_t>();
  }
  std::int64_t number = 0;
  const auto [end, status] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (status != std::errc{} || end != text->data() + text->size() || number < min || number > max) {
    return bad_parameter(
        name, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return std::optional(number);
}

Result<bool> flag_parameter(const net::QueryList& query, std::string_view name) {
  HEARTH_ASSIGN(const auto text, text_parameter(query, name));
  if (!text || *text == "0" || *text == "false") {
    return false;
  }
  if (*text == "1" || *text == "true" || text->empty()) {
    return true;
  }
  return bad_parameter(name, "must be 1 or 0");
}

}  // namespace hearth::front
