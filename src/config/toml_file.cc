#include "config/toml_file.h"

#define TOML_EXCEPTIONS 0
// What it asserts can be broken by a file, such as "[" and a line end; it then reports the error.
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include <toml++/toml.h>

#include "base/files.h"
#include "base/limits.h"

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
    const std::string_view name = key.str();
    // The joined text could not tell these from what separates its parts.
    const bool is_one = text && text->find(',') == std::string::npos && !name.empty() &&
                        name.find_first_of(",=") == std::string_view::npos;
    if (!is_one) {
      return std::nullopt;
    }
    joined += (joined.empty() ? "" : ",") + std::string(key.str()) + "=" + *text;
  }
  return joined;
}

// Behind the string whose first quote stands at `at`; `text.size()` when it has no end.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  for (++at; at < text.size() && text[at] != quote && text[at] != '\n'; ++at) {
    at += quote == '"' && text[at] == '\\' ? 1 : 0;
  }
  return std::min(at + 1, text.size());
}

// Within a bare word a quote is a letter of it, and the word goes on behind.
bool begins_word(std::string_view text, std::size_t at) {
  constexpr std::string_view kBetweenWords = " \t\r\n=,.[]{}";
  return kBetweenWords.find(text[at - 1]) != std::string_view::npos;
}

// Where the first character beyond ASCII stands that is neither in a comment nor in a string of one
// line. TOML knows none elsewhere but in strings of several lines, and toml++ 3.3 must not be shown
// one where white space may stand: its behaviour is then undefined.
std::optional<std::size_t> find_misplaced(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  const std::size_t first = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  std::size_t at = first;
  while (at < text.size()) {
    const char c = text[at];
    const bool is_first = at == first || begins_word(text, at);
    const bool begins_lines =
        is_first && (text.substr(at, 3) == R"(""")" || text.substr(at, 3) == "'''");
    if (static_cast<unsigned char>(c) >= 0x80) {
      return at;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (begins_lines) {
      const std::size_t end = text.find(text.substr(at, 3), at + 3);
      const std::string_view inside =
          text.substr(at, end == std::string_view::npos ? end : end - at);
      const auto* const beyond = std::find_if(inside.begin(), inside.end(), [](char inner) {
        return static_cast<unsigned char>(inner) >= 0x80;
      });
      if (beyond != inside.end()) {
        return at + static_cast<std::size_t>(beyond - inside.begin());
      }
      at += inside.size() + 3;
    } else {
      at = is_first && (c == '"' || c == '\'') ? end_of_string(text, at) : at + 1;
    }
  }
  return std::nullopt;
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
  if (const auto at = find_misplaced(text)) {
    const auto line =
        1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*at), '\n');
    return invalid_argument(path + ":" + std::to_string(line) +
                            ": characters beyond ASCII may stand in comments and in strings of one "
                            "line only");
  }
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
                              "' must be a string, a number, a boolean or a table of these, whose "
                              "names hold no ',' and no '=' and whose values hold no ','");
    }
    file.values[std::string(key.str())] = std::move(*value);
  }
  return std::optional(std::move(file));
}

}  // namespace hearth::config
