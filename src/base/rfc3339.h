// Times as text: RFC 3339 in UTC with milliseconds, "2026-11-22T02:28:24.123Z".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace hearth {

std::string to_rfc3339(TimePoint time);
// Any RFC 3339 time that lies in the years 1970 to 9999 of UTC, with an offset or Z; digits beyond
// milliseconds are cut. A leap second is taken as the second after it.
std::optional<TimePoint> parse_rfc3339(std::string_view text);

}  // namespace hearth
