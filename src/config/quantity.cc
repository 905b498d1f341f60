#include "config/quantity.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/limits.h"

namespace hearth::config {

namespace {

// The number at the start of `text`; the rest is its unit.
struct Measured {
  double number = 0;
  std::string_view unit;
};

std::optional<Measured> measure(std::string_view text) {
  Measured measured;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(),
                                             measured.number, std::chars_format::fixed);
  if (failed != std::errc() || !std::isfinite(measured.number) || text.starts_with('-')) {
    return std::nullopt;
  }
  measured.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return measured;
}

Error not_a(std::string_view text, const char* what, const char* example) {
  return invalid_argument("'" + std::string(text) + "' is not " + what + "; write " + example);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
  const auto measured = measure(text);
  if (measured) {
    for (const auto& [unit, factor] : kUnits) {
      const double ms = measured->number * factor;
      if (unit == measured->unit && ms <= 1e15) {
        return Duration(std::llround(ms));
      }
    }
  }
  return not_a(text, "a duration", "for example 500ms, 30s, 5m, 2h or 7d");
}

Result<std::int64_t> parse_cpu_milli(std::string_view text) {
  const auto measured = measure(text);
  if (!measured || !measured->unit.empty() || measured->number > 1e9 ||
      std::llround(measured->number * 1000) <= 0) {
    return not_a(text, "a number of cores", "for example 2 or 0.5");
  }
  return std::llround(measured->number * 1000);
}

Result<std::int64_t> parse_memory_bytes(std::string_view text) {
  constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {{"", limits::kMiB},
                                                                  {"K", limits::kKiB},
                                                                  {"M", limits::kMiB},
                                                                  {"G", limits::kGiB},
                                                                  {"T", 1024 * limits::kGiB}};
  const auto measured = measure(text);
  if (measured) {
    for (const auto& [unit, factor] : kUnits) {
      const double bytes = measured->number * static_cast<double>(factor);
      if (unit == measured->unit && bytes >= 1 && bytes < 9e18) {
        return static_cast<std::int64_t>(bytes);
      }
    }
  }
  return not_a(text, "an amount of memory", "MiB as a number, or for example 512M or 2G");
}

Result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return not_a(text, "a whole number", "for example 10");
  }
  return value;
}

}  // namespace hearth::config
