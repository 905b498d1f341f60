#include "config/toml_file.h"

#define TOML_EXCEPTIONS 0
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include <toml++/toml.h>

namespace hearth::config {

namespace {

std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return text->get();
  }
  if (node.is_integer() || node.is_floating_point() || node.is_boolean()) {
    std::ostringstream out;
    node.visit([&out](const auto& value) {
      if constexpr (toml::is_integer<decltype(value)> || toml::is_floating_point<decltype(value)>) {
        out << value.get();
      } else if constexpr (toml::is_boolean<decltype(value)>) {
        out << (value.get() ? "true" : "false");
      }
    });
    return out.str();
  }
  return std::nullopt;
}

std::optional<std::string> value_text(const toml::node& node) {
  const auto* table = node.as_table();
  if (table == nullptr) {
    return scalar_text(node);
  }
  std::string joined;
  for (const auto& [key, value] : *table) {
    const auto text = scalar_text(value);
    if (!text) {
      return std::nullopt;
    }
    joined += (joined.empty() ? "" : ",") + std::string(key.str()) + "=" + *text;
  }
  return joined;
}

}  // namespace

Result<std::optional<FileValues>> read_toml_file(const std::string& path, bool must_exist) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    if (errno == ENOENT && !must_exist) {
      return std::optional<FileValues>{};
    }
    return invalid_argument(system_error("read configuration " + path, errno).message);
  }
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto& where = parsed.error().source().begin;
    return invalid_argument(path + ":" + std::to_string(where.line) + ":" +
                            std::to_string(where.column) + ": " +
                            std::string(parsed.error().description()));
  }
  FileValues file{.path = path, .values = {}};
  for (const auto& [key, node] : parsed.table()) {
    auto value = value_text(node);
    if (!value) {
      return invalid_argument(path + ": '" + std::string(key.str()) +
                              "' must be a string, a number, a boolean or a table of these");
    }
    file.values[std::string(key.str())] = std::move(*value);
  }
  return std::optional(std::move(file));
}

}  // namespace hearth::config
