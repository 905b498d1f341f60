#include "cli/styled_text.h"

#include "cli/cell_text.h"

namespace hearth::cli {

std::string plain_text(const StyledLine& line) {
  std::string text;
  for (const Span& span : line) {
    text += span.text;
  }
  return text;
}

StyledLine fit_line(const StyledLine& line, std::size_t width) {
  StyledLine out;
  std::size_t used = 0;
  for (const Span& span : line) {
    const std::size_t wanted = display_width(span.text);
    if (used + wanted > width) {
      out.push_back({span.style, fit(span.text, width - used)});
      return out;
    }
    used += wanted;
    out.push_back(span);
  }
  return out;
}

StyledLine pad_line(const StyledLine& line, std::size_t width) {
  StyledLine out = fit_line(line, width);
  const std::size_t used = display_width(plain_text(out));
  if (used < width) {
    out.push_back({out.empty() ? Style::Plain : out.back().style, std::string(width - used, ' ')});
  }
  return out;
}

}  // namespace hearth::cli
