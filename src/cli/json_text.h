// Small readings of JSON answers and of times, shared by the commands.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "base/time.h"

namespace hearth::cli {

Result<boost::json::value> parse_json(std::string_view text);
// The member's text, or `fallback` when it is absent, null or no string.
std::string text_of(const boost::json::value& object, std::string_view key,
                    std::string_view fallback = "");
std::int64_t integer_of(const boost::json::value& object, std::string_view key,
                        std::int64_t fallback = 0);
bool has_value(const boost::json::value& object, std::string_view key);  // present and not null

// The member's time; the start of 1970 when it is none.
TimePoint time_at(const boost::json::value& object, std::string_view key);
// "850 ms", "3.2 s", "4 m 05 s", "2 h 10 m", "3 d 4 h"
std::string human_duration(Duration duration);
// "512 MiB", "1.5 GiB"
std::string human_bytes(std::int64_t bytes);
Result<std::string> decode_base64(std::string_view text);

}  // namespace hearth::cli
