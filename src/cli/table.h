// Text in aligned columns. Cells are cleaned of control characters: names and commands are users'
// text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // The last column is not padded.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// What a terminal would obey becomes '?', longer text ends in "..." at `width_max` columns.
std::string clean_cell(std::string_view text, std::size_t width_max);

}  // namespace hearth::cli
