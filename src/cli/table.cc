#include "cli/table.h"

#include <algorithm>

#include "cli/cell_text.h"

namespace hearth::cli {

namespace {

constexpr std::size_t kCellWidthMax = 60;

}  // namespace

std::string clean_cell(std::string_view text, std::size_t width_max) {
  return fit(printable(text), width_max);
}

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : rows_) {
    auto& clean = cells.emplace_back();
    for (std::size_t column = 0; column < row.size(); ++column) {
      clean.push_back(clean_cell(row[column], kCellWidthMax));
      widths[column] = std::max(widths[column], display_width(clean.back()));
    }
  }
  std::string text;
  for (const auto& row : cells) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      text += row[column];
      if (column + 1 < row.size()) {
        text.append(widths[column] - display_width(row[column]) + 2, ' ');
      }
    }
    text += '\n';
  }
  return text;
}

}  // namespace hearth::cli
