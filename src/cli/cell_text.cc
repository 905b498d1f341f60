#include "cli/cell_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/rfc3339.h"

namespace hearth::cli {

namespace {

constexpr std::string_view kCut = "...";

struct Range {
  char32_t first;
  char32_t last;
};

// The blocks that matter, not all of Unicode: a name in another script that is measured wrongly
// shifts its own line only, since each line is painted from its first column.
constexpr std::array kWide = {
    Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
    Range{0xA960, 0xA97C},   Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},
    Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},
    Range{0x1F300, 0x1F64F}, Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1F9FF},
    Range{0x20000, 0x3FFFD},
};
constexpr std::array kZero = {
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD},
    Range{0x064B, 0x065F}, Range{0x1AB0, 0x1AFF}, Range{0x1DC0, 0x1DFF},
    Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F}, Range{0xFE20, 0xFE2F},
};
// Invisible, or turn the direction of what follows.
constexpr std::array kUnsafe = {
    Range{0x00, 0x1F},     Range{0x7F, 0x9F},     Range{0xAD, 0xAD},
    Range{0x061C, 0x061C}, Range{0x200B, 0x200F}, Range{0x2028, 0x202E},
    Range{0x2060, 0x206F}, Range{0xFEFF, 0xFEFF}, Range{0xE0000, 0xE0FFF},
};

template <std::size_t N>
bool is_in(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;
  bool valid = false;
};

Character next_character(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return {first, 1, true};
  }
  const std::size_t bytes = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first >= 0xF5 || text.size() < bytes) {
    return {0, 1, false};
  }
  auto code = static_cast<char32_t>(first & (0x7F >> bytes));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return {0, 1, false};
    }
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeast.at(bytes) || code > 0x10FFFF || surrogate) {
    return {0, 1, false};
  }
  return {code, bytes, true};
}

std::size_t width_of(char32_t c) {
  return is_in(kZero, c) ? 0 : is_in(kWide, c) ? 2 : 1;
}

std::string formatted(const char* format, double value, const char* unit = "") {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), format, value, unit);
  return text.data();
}

std::string two_digits(std::int64_t value) {
  return (value < 10 ? "0" : "") + std::to_string(value);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character c = next_character(text);
    if (c.valid && !is_in(kUnsafe, c.code)) {
      out += text.substr(0, c.bytes);
    } else {
      out += '?';
    }
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character c = next_character(text);
    width += c.valid ? width_of(c.code) : 1;
    text.remove_prefix(c.bytes);
  }
  return width;
}

std::string fit(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) {
    return std::string(text);
  }
  const bool marked = width > kCut.size();
  const std::size_t room = marked ? width - kCut.size() : width;
  std::string out;
  for (std::size_t used = 0; !text.empty();) {
    const Character c = next_character(text);
    used += c.valid ? width_of(c.code) : 1;
    if (used > room) {
      break;
    }
    out += text.substr(0, c.bytes);
    text.remove_prefix(c.bytes);
  }
  return marked ? out + std::string(kCut) : out;
}

std::string pad_right(std::string_view text, std::size_t width) {
  std::string out = fit(text, width);
  out.append(width - display_width(out), ' ');
  return out;
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::string out = fit(text, width);
  return std::string(width - display_width(out), ' ') + out;
}

std::string short_bytes(const std::optional<std::int64_t>& bytes) {
  if (!bytes) {
    return "-";
  }
  constexpr std::array kUnits = {"", "K", "M", "G", "T", "P"};
  auto amount = static_cast<double>(*bytes);
  std::size_t unit = 0;
  // 1000, so that four digits never come.
  while (std::abs(amount) >= 999.5 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  const bool whole = unit == 0 || std::abs(amount) >= 9.95;
  return formatted(whole ? "%.0f%s" : "%.1f%s", amount, kUnits.at(unit));
}

std::string short_number(const std::optional<double>& value, int decimals) {
  if (!value) {
    return "-";
  }
  return formatted(decimals == 0 ? "%.0f%s" : decimals == 1 ? "%.1f%s" : "%.2f%s", *value);
}

// A scheduler's unit is a thousandth of a core.
std::string short_cores(double cores) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.3f", cores);
  std::string shown = text.data();
  shown.erase(shown.find_last_not_of('0') + 1);
  if (shown.ends_with('.')) {
    shown.pop_back();
  }
  return shown;
}

std::string short_count(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "-";
}

std::string short_duration(const std::optional<Duration>& duration) {
  if (!duration) {
    return "-";
  }
  const std::int64_t ms = std::max<std::int64_t>(duration->count(), 0);
  const std::int64_t s = ms / 1000;
  if (ms < 1000) {
    return std::to_string(ms) + "ms";
  }
  if (s < 60) {
    return std::to_string(s) + "." + std::to_string(ms % 1000 / 100) + "s";
  }
  if (s < 3600) {
    return std::to_string(s / 60) + "m" + two_digits(s % 60) + "s";
  }
  if (s < 86400) {
    return std::to_string(s / 3600) + "h" + two_digits(s % 3600 / 60) + "m";
  }
  return std::to_string(s / 86400) + "d" + two_digits(s % 86400 / 3600) + "h";
}

std::string clock_time(const std::optional<TimePoint>& time) {
  return time ? to_rfc3339(*time).substr(11, 8) : "-";
}

std::string bar(const std::optional<double>& share, std::size_t width) {
  const std::size_t inside = width < 2 ? 0 : width - 2;
  const double filled = std::clamp(share.value_or(0), 0.0, 1.0) * static_cast<double>(inside);
  auto marks = static_cast<std::size_t>(std::lround(filled));
  // What is used at all is seen.
  if (marks == 0 && share && *share >= 0.005 && inside > 0) {
    marks = 1;
  }
  return "[" + std::string(marks, '|') + std::string(inside - marks, ' ') + "]";
}

}  // namespace hearth::cli
