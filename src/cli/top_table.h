// Rows in columns that fit a terminal: when there is little room, the columns that matter least go
// first. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/styled_text.h"

namespace hearth::cli {

inline constexpr std::size_t kAnyWidth = 10'000;

struct TopColumn {
  std::string title;
  bool is_right = false;      // numbers
  int rank = 0;               // higher ones are left out first; 0: never
  std::size_t width_min = 0;  // so that columns do not move with the figures
  std::size_t width_max = kAnyWidth;
};

struct TopCell {
  std::string text;
  Style style = Style::Plain;
};

struct TopRow {
  std::vector<TopCell> cells;  // one a column
  TopCell note;                // instead of cells, over the whole line
};

struct TopTable {
  std::vector<TopColumn> columns;  // the last one takes the room that is left
  std::vector<TopRow> rows;

  // The heading, then `count` rows from `first` on.
  [[nodiscard]] std::vector<StyledLine> lines(std::size_t first, std::size_t count,
                                              std::size_t width) const;
};

}  // namespace hearth::cli
