// Time as values. Nothing here reads a clock: `now` is always a parameter (base/clock.h reads it).
#pragma once

#include <chrono>
#include <cstdint>

namespace hearth {

using Duration = std::chrono::milliseconds;
// Milliseconds of UTC since 1970, by the controller's clock.
using TimePoint = std::chrono::sys_time<Duration>;

constexpr TimePoint time_from_ms(std::int64_t ms) {
  return TimePoint(Duration(ms));
}
constexpr std::int64_t to_ms(TimePoint time) {
  return time.time_since_epoch().count();
}

}  // namespace hearth
