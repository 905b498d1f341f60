#include "cli/json_text.h"

#include <array>
#include <cstdio>

#include <boost/json.hpp>

#include "base/rfc3339.h"

namespace hearth::cli {

namespace json = boost::json;

namespace {

const json::value* member(const json::value& object, std::string_view key) {
  const auto* fields = object.if_object();
  return fields == nullptr ? nullptr : fields->if_contains(key);
}

std::string two_units(std::int64_t big, const char* big_unit, std::int64_t small,
                      const char* small_unit) {
  return std::to_string(big) + " " + big_unit + " " + std::to_string(small) + " " + small_unit;
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  boost::system::error_code failed;
  json::value value = json::parse(text, failed);
  if (failed) {
    return internal_error("the server's answer is no JSON (" + failed.message() +
                          "): " + std::string(text.substr(0, 200)));
  }
  return value;
}

std::string text_of(const json::value& object, std::string_view key, std::string_view fallback) {
  const json::value* value = member(object, key);
  return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                : std::string(fallback);
}

std::int64_t integer_of(const json::value& object, std::string_view key, std::int64_t fallback) {
  const json::value* value = member(object, key);
  if (value == nullptr || !value->is_number()) {
    return fallback;
  }
  return value->is_double() ? static_cast<std::int64_t>(value->get_double())
                            : value->to_number<std::int64_t>();
}

bool has_value(const json::value& object, std::string_view key) {
  const json::value* value = member(object, key);
  return value != nullptr && !value->is_null();
}

TimePoint time_at(const json::value& object, std::string_view key) {
  return parse_rfc3339(text_of(object, key)).value_or(TimePoint{});
}

std::string human_duration(Duration duration) {
  const std::int64_t ms = duration.count();
  const std::int64_t s = ms / 1000;
  if (ms < 1000) {
    return std::to_string(ms) + " ms";
  }
  if (s < 60) {
    return std::to_string(s) + "." + std::to_string(ms % 1000 / 100) + " s";
  }
  if (s < 3600) {
    return two_units(s / 60, "m", s % 60, "s");
  }
  if (s < 86400) {
    return two_units(s / 3600, "h", s % 3600 / 60, "m");
  }
  return two_units(s / 86400, "d", s % 86400 / 3600, "h");
}

std::string human_bytes(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  std::array<char, 40> text{};
  const bool whole = amount == static_cast<double>(static_cast<std::int64_t>(amount));
  std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s", amount, kUnits.at(unit));
  return text.data();
}

Result<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') {
      value = c - 'A';
    } else if (c >= 'a' && c <= 'z') {
      value = c - 'a' + 26;
    } else if (c >= '0' && c <= '9') {
      value = c - '0' + 52;
    } else if (c == '+') {
      value = 62;
    } else if (c == '/') {
      value = 63;
    } else if (c == '=') {
      break;
    } else {
      return internal_error("an output event's base64 holds '" + std::string(1, c) + "'");
    }
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>((bits >> count) & 0xff));
    }
  }
  return bytes;
}

}  // namespace hearth::cli
