// Lines of text whose parts have a meaning, which a terminal shows as colour. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth::cli {

enum class Style : std::uint8_t {
  Plain,
  Strong,
  Faint,
  Good,
  Warning,
  Bad,
  Heading,  // of columns
  Title,    // of a part of the screen
};

struct Span {
  Style style = Style::Plain;
  std::string text;
};

using StyledLine = std::vector<Span>;

std::string plain_text(const StyledLine& line);
// At most `width` columns.
StyledLine fit_line(const StyledLine& line, std::size_t width);
// Exactly `width` columns; what is added has the style of the last part.
StyledLine pad_line(const StyledLine& line, std::size_t width);

}  // namespace hearth::cli
