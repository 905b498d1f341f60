// The screen of `hearth top`: from what is known and what the user asked to see to lines that fit
// the terminal. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/styled_text.h"
#include "cli/top_sections.h"

namespace hearth::cli {

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

// What the user chose.
struct TopView {
  TopOrder order;
  std::optional<TopPart> part;  // only this one; none: all
  std::size_t scroll = 0;       // rows of the part that is shown alone, or of the workers
  bool is_editing = false;      // the filter is being typed
  bool is_paused = false;
  bool is_help = false;
};

struct TopStatus {
  std::string url;
  TimePoint now;                        // this machine's clock
  std::optional<TimePoint> away_since;  // the connection is lost
};

struct TopFrame {
  std::vector<StyledLine> lines;  // at most the terminal's rows, each at most its columns
  std::size_t scroll = 0;         // as far as there is something to scroll to
  std::size_t page = 1;           // rows that are seen of what is scrolled
};

TopFrame render(const TopModel& model, const TopView& view, const TopStatus& status,
                ScreenSize size);
// All of it, one below the other, as long as it is.
std::vector<StyledLine> render_once(const TopModel& model, const TopOrder& order,
                                    const TopStatus& status, std::size_t columns);

}  // namespace hearth::cli
