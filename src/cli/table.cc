#include "cli/table.h"

#include <algorithm>

namespace hearth::cli {

namespace {

constexpr std::size_t kCellWidthMax = 60;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

}  // namespace

std::string clean_cell(std::string_view text, std::size_t width_max) {
  std::string clean;
  const bool cut = width_of(text) > width_max;
  const std::size_t keep = cut ? width_max - 3 : width_max;
  std::size_t width = 0;
  for (const char c : text) {
    if (!is_continuation(c) && width++ == keep) {
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    clean.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
  }
  return cut ? clean + "..." : clean;
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : rows_) {
    auto& clean = cells.emplace_back();
    for (std::size_t column = 0; column < row.size(); ++column) {
      clean.push_back(clean_cell(row[column], kCellWidthMax));
      widths[column] = std::max(widths[column], width_of(clean.back()));
    }
  }
  std::string text;
  for (const auto& row : cells) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      text += row[column];
      if (column + 1 < row.size()) {
        text.append(widths[column] - width_of(row[column]) + 2, ' ');
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace hearth::cli
