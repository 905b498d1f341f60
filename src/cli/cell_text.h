// Text as a terminal shows it: how wide it is, cut and padded to a width, and figures in few
// characters. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hearth::cli {

// Names and commands are users' text: control characters, also those of Unicode (C1, which some
// terminals obey), marks of direction and bytes that are no UTF-8 become '?'.
std::string printable(std::string_view text);

// Of printable text, in a terminal's columns: East Asian characters and emoji take two, combining
// marks none.
std::size_t display_width(std::string_view text);
// Longer text ends in "..." (or is just cut, when there is no room for that).
std::string fit(std::string_view text, std::size_t width);
// Exactly `width` columns.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

// "-" for what is not known.
std::string short_bytes(const std::optional<std::int64_t>& bytes);  // "0", "512K", "1.5G"
std::string short_number(const std::optional<double>& value, int decimals = 1);
// "2", "0.25": never with an exponent.
std::string short_cores(double cores);
std::string short_count(const std::optional<std::int64_t>& value);
// "850ms", "3.2s", "4m05s", "2h10m", "3d04h"
std::string short_duration(const std::optional<Duration>& duration);
std::string clock_time(const std::optional<TimePoint>& time);  // "02:28:24", UTC

// "[||||    ]", `width` columns in all; blank inside for what is not known.
std::string bar(const std::optional<double>& share, std::size_t width);

}  // namespace hearth::cli
