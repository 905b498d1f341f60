// The parts of `hearth top`'s screen as tables, filtered and sorted. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/top_model.h"
#include "cli/top_table.h"

namespace hearth::cli {

enum class TopSort : std::uint8_t { Cpu, Memory, Io, Uptime, Name };
std::string_view to_string(TopSort sort);  // "cpu", …
std::optional<TopSort> parse_top_sort(std::string_view text);

enum class TopPart : std::uint8_t { Machines, Workers, Running, Queue, Failures };
inline constexpr std::size_t kTopParts = 5;

struct TopOrder {
  TopSort sort = TopSort::Cpu;
  bool reversed = false;
  std::string filter;  // rows that hold it, in upper or lower case; empty: all
};

struct TopSection {
  std::string title;
  std::string note;       // beside the title: that a list is cut
  std::size_t total = 0;  // rows without the filter
  std::size_t found = 0;  // with it; lines below a row (GPUs) are not counted
  std::string empty;      // what is said when there is nothing
  TopTable table;
};

// `now` is by the controller's clock.
TopSection make_section(TopPart part, const TopModel& model, const TopOrder& order, TimePoint now);

}  // namespace hearth::cli
