#include "config/toml_file.h"

#define TOML_EXCEPTIONS 0
// What it asserts can be broken by a file, such as "[" and a line end; it then reports the error.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include <toml++/toml.h>

#include "base/files.h"
#include "base/limits.h"
#include "config/toml_characters.h"

namespace hearth::config {

namespace {

std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return lower_characters(text->get());
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
    const std::string name = lower_characters(key.str());
    // The joined text could not tell these from what separates its parts.
    const bool is_one = text && text->find(',') == std::string::npos && !name.empty() &&
                        name.find_first_of(",=") == std::string::npos;
    if (!is_one) {
      return std::nullopt;
    }
    joined += (joined.empty() ? "" : ",") + name + "=" + *text;
  }
  return joined;
}

Error too_long(const std::string& path) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  const bool is_known = !failed && std::cmp_greater(size, limits::kSettingsFileBytesMax);
  const std::string most = std::to_string(limits::kSettingsFileBytesMax);
  return limit_exceeded("kSettingsFileBytesMax", limits::kSettingsFileBytesMax,
                        "read configuration: " + path + " has " +
                            (is_known ? std::to_string(size) : "more than " + most) +
                            " bytes; at most " + most + " are read (kSettingsFileBytesMax)");
}

}  // namespace

Result<std::optional<FileValues>> read_toml_file(const std::string& path, bool must_exist) {
  const Result<std::string> read = read_file(path, limits::kSettingsFileBytesMax);
  if (!read) {
    if (read.error().sys_errno == ENOENT && !must_exist) {
      return std::optional<FileValues>{};
    }
    return read.error().code == ErrorCode::ResourceExhausted
               ? too_long(path)
               : invalid_argument("read configuration: " + read.error().message);
  }
  const std::string& text = *read;
  if (has_plane_15(text)) {
    return invalid_argument(path + ": private characters from U+F0000 to U+FFFFF are not taken");
  }
  const toml::parse_result parsed = toml::parse(lift_characters(text));
  if (!parsed) {
    const auto& where = parsed.error().source().begin;
    return invalid_argument(path + ":" + std::to_string(where.line) + ":" +
                            std::to_string(where.column) + ": " +
                            lower_characters(parsed.error().description()));
  }
  FileValues file{.path = path, .values = {}};
  for (const auto& [key, node] : parsed.table()) {
    const std::string name = lower_characters(key.str());
    auto value = value_text(node);
    if (!value) {
      return invalid_argument(path + ": '" + name +
                              "' must be a string, a number, a boolean or a table of these, whose "
                              "names hold no ',' and no '=' and whose values hold no ','");
    }
    file.values[name] = std::move(*value);
  }
  return std::optional(std::move(file));
}

}  // namespace hearth::config
