// Quantities as people write them: "30s", "256", "1.5". One reading for flags, environment and
// files.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"

namespace hearth::config {

// "500ms", "30s", "5m", "2h", "7d"; a bare number is seconds. Never negative.
Result<Duration> parse_duration(std::string_view text);
// "0.5" -> 500 thousandths of a core. More than zero, at most three decimals count.
Result<std::int64_t> parse_cpu_milli(std::string_view text);
// "256" is MiB; also "256M", "2G", "1T", "512K". Result in bytes.
Result<std::int64_t> parse_memory_bytes(std::string_view text);
Result<std::int64_t> parse_integer(std::string_view text);

}  // namespace hearth::config
