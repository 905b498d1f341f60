#include "cli/top_table.h"

#include <algorithm>

#include "cli/cell_text.h"

namespace hearth::cli {

namespace {

constexpr std::size_t kGap = 1;
// The last column is worth having from here on.
constexpr std::size_t kLastWidthMin = 8;

struct Shown {
  std::size_t column;
  std::size_t width;
};

std::size_t width_of(const TopTable& table, std::size_t column, std::size_t first,
                     std::size_t end) {
  const TopColumn& shape = table.columns[column];
  std::size_t width = std::max(display_width(shape.title), shape.width_min);
  for (std::size_t row = first; row < end; ++row) {
    if (!table.rows[row].cells.empty()) {
      width = std::max(width, display_width(table.rows[row].cells[column].text));
    }
  }
  return std::min(width, shape.width_max);
}

// Which columns there is room for, and how wide they are.
std::vector<Shown> choose(const TopTable& table, std::size_t first, std::size_t end,
                          std::size_t room) {
  std::vector<Shown> shown;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    shown.push_back({i, width_of(table, i, first, end)});
  }
  const std::size_t last = table.columns.size() - 1;
  const auto needed = [&shown, last] {
    std::size_t sum = 0;
    for (const Shown& one : shown) {
      sum += kGap + (one.column == last ? std::min(one.width, kLastWidthMin) : one.width);
    }
    return sum - kGap;
  };
  while (needed() > room && shown.size() > 1) {
    // Of equal ranks the one farther right goes first.
    const auto least =
        std::max_element(shown.begin(), shown.end(), [&table](const Shown& a, const Shown& b) {
          return table.columns[a.column].rank <= table.columns[b.column].rank;
        });
    if (table.columns[least->column].rank == 0) {
      break;
    }
    shown.erase(least);
  }
  return shown;
}

StyledLine line_of(const TopTable& table, const std::vector<Shown>& shown, std::size_t room,
                   const std::vector<TopCell>& cells) {
  StyledLine line;
  std::size_t used = 0;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const TopColumn& column = table.columns[shown[i].column];
    const TopCell& cell = cells[shown[i].column];
    std::string text;
    if (i + 1 == shown.size()) {
      const std::size_t left = room > used ? room - used : 0;
      text = column.is_right ? pad_left(cell.text, std::min(shown[i].width, left))
                             : fit(cell.text, left);
    } else {
      text = column.is_right ? pad_left(cell.text, shown[i].width)
                             : pad_right(cell.text, shown[i].width);
    }
    used += display_width(text) + kGap;
    line.push_back({cell.style, std::move(text)});
    if (i + 1 < shown.size()) {
      line.push_back({Style::Plain, std::string(kGap, ' ')});
    }
  }
  return fit_line(line, room);
}

}  // namespace

std::vector<StyledLine> TopTable::lines(std::size_t first, std::size_t count,
                                        std::size_t width) const {
  const std::size_t begin = std::min(first, rows.size());
  const std::size_t end = std::min(begin + count, rows.size());
  const std::vector<Shown> shown = choose(*this, begin, end, width);
  std::vector<TopCell> titles;
  for (const TopColumn& column : columns) {
    titles.push_back({column.title, Style::Heading});
  }
  std::vector<StyledLine> lines = {line_of(*this, shown, width, titles)};
  for (std::size_t row = begin; row < end; ++row) {
    if (rows[row].cells.empty()) {
      lines.push_back(fit_line({{rows[row].note.style, rows[row].note.text}}, width));
    } else {
      lines.push_back(line_of(*this, shown, width, rows[row].cells));
    }
  }
  return lines;
}

}  // namespace hearth::cli
